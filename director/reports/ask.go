package reports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/secret"
)

// asker asks one server's agent.
type asker interface {
	ask(ctx context.Context, at netip.AddrPort) (pool.Report, error)
	close()
}

// badReport says that an agent answered, but not with a report that can be
// used. Any other error means that it is silent.
type badReport struct{ err error }

func (b badReport) Error() string { return b.err.Error() }
func (b badReport) Unwrap() error { return b.err }

// errNoReport says that a JSON object has nothing of a report.
var errNoReport = errors.New("JSON without boot, seq and health is no report: is it a Ballast agent that listens there?")

// maxBody bounds what is read of an answer, in bytes: a little more than
// pool.ParseReport takes.
const maxBody = 4098

// caller asks by HTTP, over one connection that is kept while the server stays.
type caller struct {
	client http.Client
	token  *secret.File
}

func newCaller(o *Options, token *secret.File) asker {
	return &caller{token: token, client: http.Client{
		Transport: &http.Transport{
			DialContext:            o.Dial,
			MaxIdleConns:           1,
			IdleConnTimeout:        90 * time.Second, // longer than the longest back-off, shorter than the agents'
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *caller) close() { c.client.CloseIdleConnections() }

func (c *caller) ask(ctx context.Context, at netip.AddrPort) (pool.Report, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+"/v1/report", nil)
	if err != nil {
		return pool.Report{}, err
	}
	if token := c.token.Get(time.Now()); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.client.Do(r)
	if call := new(url.Error); errors.As(err, &call) {
		err = call.Err // without the URL
	}
	if err != nil {
		return pool.Report{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return pool.Report{}, fmt.Errorf("read the report: %w", err)
	}
	return c.read(resp, body)
}

// read takes a report from an answer. 503 comes with a report while the server
// is critical or drained, and without one before the agent's first sample.
func (c *caller) read(resp *http.Response, body []byte) (pool.Report, error) {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusServiceUnavailable:
	case http.StatusUnauthorized, http.StatusForbidden:
		return pool.Report{}, badReport{c.denied(resp.Status)}
	default:
		return pool.Report{}, badReport{fmt.Errorf("%s instead of a report: is it a Ballast agent that listens there?", resp.Status)}
	}
	report, err := pool.ParseReport(bytes.TrimSpace(body))
	if err == nil && report.Boot == "" && report.Seq == 0 && report.Health == pool.Unknown {
		err = errNoReport // else it would say that the server is idle
	}
	if err == nil {
		return report, nil
	}
	if resp.StatusCode == http.StatusServiceUnavailable && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return pool.Report{}, errors.New("the agent has no report yet")
	}
	return pool.Report{}, badReport{err}
}

func (c *caller) denied(status string) error {
	switch err := c.token.Trouble(); {
	case err != nil:
		return fmt.Errorf("%s: %w", status, err)
	case c.token.Path() == "":
		return fmt.Errorf("%s: the agent wants a token, and no token file is configured", status)
	}
	return fmt.Errorf("%s: the token in %s is not the agent's --report-token-file", status, c.token.Path())
}
