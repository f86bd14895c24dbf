package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

const (
	maxResponse = 64 << 10 // bytes of a response that are read, header included
	maxBody     = 16 << 10 // bytes of the body that must arrive before the check passes
)

// newHTTP passes when a GET is answered with a status of 2xx or 3xx.
// Redirects are not followed: they lead to other servers.
func newHTTP(spec Spec) (ask, error) { return newWeb(spec, nil) }

func newHTTPS(spec Spec) (ask, error) {
	config, err := spec.tls()
	if err != nil {
		return ask{}, err
	}
	return newWeb(spec, config)
}

func newWeb(spec Spec, config *tls.Config) (ask, error) {
	path := "/"
	if spec.Path != "" {
		path = spec.Path
	}
	if _, err := url.ParseRequestURI(path); err != nil || !strings.HasPrefix(path, "/") {
		return ask{}, fmt.Errorf("path %q must be an absolute path such as /healthz", path)
	}
	check := func(ctx context.Context, t Target) (Result, error) { return checkWeb(ctx, t, path, config) }
	return ask{check, func(t Target) string { return t.Addr.String() + path }}, nil
}

// checkWeb speaks HTTP/1.1 over a connection of its own. A kept connection
// would go on working to a server that no longer accepts new ones.
func checkWeb(ctx context.Context, t Target, path string, config *tls.Config) (Result, error) {
	conn, done, err := dial(ctx, "tcp", t.Addr)
	if err != nil {
		return Result{}, err
	}
	defer done()
	var r Result
	if config != nil {
		secure, err := handshake(ctx, conn, config, t.name())
		if err != nil {
			return Result{}, err
		}
		conn, r.Detail = secure, expiry(secure, time.Now())
	}
	header, err := get(conn, t, path)
	if err != nil {
		return Result{}, err
	}
	r.readLoad(header)
	return r, nil
}

// get sends the request and returns the header of a successful response.
func get(conn net.Conn, t Target, path string) (http.Header, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+t.Addr.String()+path, nil)
	if err != nil {
		return nil, err
	}
	if t.Host != "" {
		req.Host = t.Host
	}
	req.Close = true
	req.Header.Set("User-Agent", "ballast-probe")
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	resp, err := readResponse(bufio.NewReader(io.LimitReader(conn, maxResponse)), req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	// A server that sends a header and then hangs is not well.
	if _, err := io.CopyN(io.Discard, resp.Body, maxBody); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("body: %w", err)
	}
	return resp.Header, nil
}

// readResponse skips the informational responses (RFC 9110 section 15.2).
func readResponse(r *bufio.Reader, req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(r, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// readLoad takes the server's load from the response. A load that cannot be
// read is a remark, not a failure: the server did answer.
func (r *Result) readLoad(header http.Header) {
	value := header.Get(pool.LoadHeader)
	if value == "" {
		return
	}
	load, err := pool.ParseLoadHeader(value)
	if err != nil {
		r.Detail = join(r.Detail, bounded(fmt.Sprintf("%s: %v", pool.LoadHeader, err)))
		return
	}
	r.Load, r.HasLoad = load, true
}
