// Package control is the local control socket: the words that ballastctl and
// the name server exchange, as JSON over HTTP on a unix socket.
package control
