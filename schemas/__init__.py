"""What travels between the steps: messages, topics and the JSON Schemas made from them."""
