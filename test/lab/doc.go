// Package lab builds a small network out of Linux network namespaces: a client,
// a director, real servers and a name server's host, joined by veth pairs.
// README.md has the drawing and the addresses.
//
// Tests use ForTest, which skips where namespaces cannot be made and removes
// everything at the end:
//
//	l := lab.ForTest(t, lab.Options{})
//	echo, err := l.Servers[0].StartEcho(80)
//	conn, err := l.Client.Dial(ctx, "tcp", l.Servers[0].HostPort(80))
//
// A Node is one namespace. What is done inside Node.Do, or by the helpers that
// use it, happens there: a socket stays in the namespace it was made in,
// whichever thread uses it later.
package lab
