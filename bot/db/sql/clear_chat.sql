-- Deletes a chat's refusals after a message was delivered.
DELETE FROM refused_chats WHERE bot_id = :bot_id AND chat_hmac = :chat_hmac
