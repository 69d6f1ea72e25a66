-- Only SQLite takes rows away without telling their triggers.
SELECT 1;
