DROP INDEX messages_at;
DROP TABLE field_changes;
