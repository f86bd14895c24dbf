// Package control is the local control socket: the words that ballastctl
// exchanges with the name server and with the director, as JSON over HTTP on a
// unix socket.
//
// Reading is GET, changing is PUT and DELETE, and curl will do:
//
//	curl --unix-socket /run/ballast/coredns.sock http://localhost/v1/status
//	curl --unix-socket ... 'http://localhost/v1/explain?name=www.example.org&from=203.0.113.0/24'
//	curl --unix-socket ... -X PUT -d '{"server":"web-3","drain":true}' http://localhost/v1/overrides
//	curl --unix-socket ... -X DELETE 'http://localhost/v1/overrides?server=web-3'
//
// A director's socket has words of its own. Connections come as a stream, a
// line of JSON for each, and a last line that says {"end":true}:
//
//	curl --unix-socket /run/ballast/director.sock http://localhost/v1/director/status
//	curl --unix-socket ... 'http://localhost/v1/director/connections?vip=web&state=opening&limit=100'
//	curl --unix-socket ... 'http://localhost/v1/director/explain?client=203.0.113.7:40312'
//	curl --unix-socket ... -X PUT -d '{"server":"web-3","vip":"web"}' http://localhost/v1/director/overrides
//	curl --unix-socket ... -X DELETE 'http://localhost/v1/director/overrides?server=web-3'
//
// Whoever may write to the socket may change what is answered or forwarded:
// its mode and its directory's are the authentication.
package control
