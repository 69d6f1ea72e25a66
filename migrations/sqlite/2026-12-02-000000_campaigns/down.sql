DROP TABLE channel_pace;
DROP TABLE suppressions;
DROP TABLE campaign_attempts;
DROP TABLE campaign_recipients;
DROP TABLE campaigns;
