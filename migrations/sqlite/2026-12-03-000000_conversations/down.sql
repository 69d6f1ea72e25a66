DROP TABLE chat_visitors;
DROP TABLE canned_replies;
DROP TABLE conversation_reads;
DROP TABLE messages;
DROP TABLE conversations;
