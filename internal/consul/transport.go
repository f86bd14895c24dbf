package consul

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ballast-lb/ballast/internal/secret"
)

// maxAnswer bounds what is read of one answer, in bytes: about 40,000
// instances of one service.
const maxAnswer = 64 << 20

// newTransport makes a transport for many concurrent long polls.
func newTransport(a endpoint, conf *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	t := &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        0, // no limit, likewise MaxConnsPerHost
		MaxIdleConnsPerHost: 1 << 16,
		IdleConnTimeout:     time.Minute,
		// There may be a connection for each of thousands of watches.
		ReadBufferSize:  2 << 10,
		WriteBufferSize: 1 << 10,
		// A dead connection must not be kept for all watches that share it.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
	if a.socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", a.socket)
		}
	}
	return t
}

// transport adds the token to each request and bounds each answer.
type transport struct {
	base  http.RoundTripper
	token *secret.File
	now   func() time.Time
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if token := t.token.Get(t.now()); token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-Consul-Token", token)
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{body: resp.Body, left: maxAnswer}
	return resp, nil
}

// boundedBody fails, rather than ends, when there is more than allowed.
type boundedBody struct {
	body io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("answer is longer than %d MiB", maxAnswer>>20)
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }
