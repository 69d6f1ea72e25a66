DROP TABLE chat_visitors;
DROP TABLE canned_replies;
DROP TABLE conversation_reads;
DROP TABLE messages;
DROP TABLE conversations;
DROP FUNCTION log_conversations_update();
DROP FUNCTION log_conversations();
