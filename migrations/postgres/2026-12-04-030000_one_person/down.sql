DROP TABLE not_duplicates;
DROP TABLE merges;
