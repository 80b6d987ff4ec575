"""HTTP: the application factory, problem documents, the server with client certificates and the delivery client."""
