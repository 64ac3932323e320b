"""Looking things up on the web before an answer."""
