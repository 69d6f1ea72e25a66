DROP TABLE segment_moves;
DROP TABLE feed_members;
DROP TABLE feed_state;
