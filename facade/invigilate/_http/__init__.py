"""HTTP/1.1 connections: sockets, TLS, proxies, and the pool that keeps them. Written once for sync and async."""
