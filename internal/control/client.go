package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// clientTimeout bounds a request whose context has no deadline of its own.
const clientTimeout = 15 * time.Second

// Client is the Service behind a control socket. It keeps no connection open.
type Client struct{ *caller }

var _ Service = (*Client)(nil)

// Dial returns a client of the socket at path. It does not connect yet: its
// methods return ErrUnreachable if nobody listens.
func Dial(path string) *Client {
	return &Client{newCaller(path, "is coredns running with the ballast plugin?")}
}

// caller sends requests to a socket.
type caller struct {
	path string
	ask  string // what to look at if nobody listens
	http http.Client
}

func newCaller(path, ask string) *caller {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &caller{path: path, ask: ask, http: http.Client{
		Timeout:   clientTimeout,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// Process asks who serves the socket.
func (c *caller) Process(ctx context.Context) (Process, error) {
	return call[Process](ctx, c, http.MethodGet, "/v1/process", nil, nil)
}

// Status implements Service.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c.caller, http.MethodGet, "/v1/status", nil, nil)
}

// Explain implements Service.
func (c *Client) Explain(ctx context.Context, r ExplainRequest) (Explanation, error) {
	q := url.Values{"name": {r.Name}}
	if r.Type != "" {
		q.Set("type", r.Type)
	}
	if r.From.IsValid() {
		q.Set("from", r.From.String())
	}
	return call[Explanation](ctx, c.caller, http.MethodGet, "/v1/explain", q, nil)
}

// SetOverride implements Service.
func (c *Client) SetOverride(ctx context.Context, o Override) (Override, error) {
	return call[Override](ctx, c.caller, http.MethodPut, "/v1/overrides", nil, o)
}

// ClearOverride implements Service.
func (c *Client) ClearOverride(ctx context.Context, server, name string) (int, error) {
	q := url.Values{"server": {server}}
	if name != "" {
		q.Set("name", name)
	}
	answer, err := call[cleared](ctx, c.caller, http.MethodDelete, "/v1/overrides", q, nil)
	return answer.Cleared, err
}

// call does one request and reads an answer of type T. Fields that T lacks are
// skipped, so that an older client can read a newer server.
func call[T any](ctx context.Context, c *caller, method, path string, q url.Values, body any) (T, error) {
	var answer T
	response, err := c.send(ctx, method, path, q, body)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		// A reload has closed the socket on which the request waited. All that
		// is asked here may be asked twice (RFC 9110 section 9.2.2).
		response, err = c.send(ctx, method, path, q, body)
	}
	if err != nil {
		return answer, c.unreachable(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return answer, fmt.Errorf("read answer from control socket %s: %w", c.path, err)
	}
	if response.StatusCode != http.StatusOK {
		return answer, c.refused(response.StatusCode, b)
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return answer, fmt.Errorf("read answer from control socket %s: %w", c.path, err)
	}
	return answer, nil
}

func (c *caller) send(ctx context.Context, method, path string, q url.Values, body any) (*http.Response, error) {
	request, err := newRequest(ctx, method, path, q, body)
	if err != nil {
		return nil, err
	}
	return c.http.Do(request)
}

func newRequest(ctx context.Context, method, path string, q url.Values, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		reader = bytes.NewReader(b)
	}
	// The host is for HTTP's sake only: the transport knows the socket.
	target := url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: q.Encode()}
	return http.NewRequestWithContext(ctx, method, target.String(), reader)
}

// refused is the server's error, as it meant it.
func (c *caller) refused(status int, body []byte) error {
	var f failure
	if json.Unmarshal(body, &f) != nil || f.Error == "" {
		return fmt.Errorf("control socket %s: HTTP status %d from something that is no ballast", c.path, status)
	}
	return errorOf(status, f.Error)
}

// unreachableError says what to do when nobody answers. It is ErrUnreachable
// and its cause too.
type unreachableError struct {
	text  string
	cause error
}

func (e *unreachableError) Error() string   { return e.text }
func (e *unreachableError) Unwrap() []error { return []error{ErrUnreachable, e.cause} }

func (c *caller) unreachable(err error) error {
	// http and net say "Get http://localhost/...: dial unix PATH: ..." around
	// the part that tells something.
	cause := err
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		cause = urlErr.Err
	}
	if opErr, ok := errors.AsType[*net.OpError](cause); ok {
		cause = opErr.Err
	}
	if errno, ok := errors.AsType[syscall.Errno](cause); ok {
		cause = errno
	}
	return &unreachableError{fmt.Sprintf("%v %s: %v; %s", ErrUnreachable, c.path, cause, c.remedy(err)), err}
}

func (c *caller) remedy(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run as root or as the socket's user or group"
	}
	return c.ask + " use --socket for another path"
}
