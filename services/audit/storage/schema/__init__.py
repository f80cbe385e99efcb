"""Tables, their dialects and the migrations that create them."""
