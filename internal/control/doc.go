// Package control is the local control socket: the words that ballastctl and
// the name server exchange, as JSON over HTTP on a unix socket.
//
// Reading is GET, changing is PUT and DELETE, and curl will do:
//
//	curl --unix-socket /run/ballast/coredns.sock http://localhost/v1/status
//	curl --unix-socket ... 'http://localhost/v1/explain?name=www.example.org&from=203.0.113.0/24'
//	curl --unix-socket ... -X PUT -d '{"server":"web-3","drain":true}' http://localhost/v1/overrides
//	curl --unix-socket ... -X DELETE 'http://localhost/v1/overrides?server=web-3'
//
// Whoever may write to the socket may change what is answered: its mode and
// its directory's are the authentication.
package control
