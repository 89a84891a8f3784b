-- The chat took a message: its refusals are forgotten.
DELETE FROM refused_chats WHERE bot_id = :bot_id AND chat_hmac = :chat_hmac
