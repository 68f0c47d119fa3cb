"""What tests share: a mock server and a recorder of what is on the wire."""
