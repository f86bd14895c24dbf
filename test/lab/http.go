//go:build linux

package lab

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ServeHTTP answers every GET on a port with the node's name and the address
// that it sees of the client, for curl, until ctx ends.
func (n *Node) ServeHTTP(ctx context.Context, port int) error {
	listener, err := n.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s to %s\n", n.Name, r.RemoteAddr)
		}),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	return nil
}
