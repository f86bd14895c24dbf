package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// streamTimeout bounds the wait for the next piece of a stream.
const streamTimeout = time.Minute

// DirectorClient is the Director behind a control socket. It keeps no
// connection open.
type DirectorClient struct{ *caller }

var _ Director = (*DirectorClient)(nil)

// DialDirector returns a client of the director's socket at path. It does not
// connect yet: its methods return ErrUnreachable if nobody listens.
func DialDirector(path string) *DirectorClient {
	return &DirectorClient{newCaller(path, "is ballast-director running?")}
}

// Status implements Director.
func (c *DirectorClient) Status(ctx context.Context) (DirectorStatus, error) {
	return call[DirectorStatus](ctx, c.caller, http.MethodGet, "/v1/director/status", nil, nil)
}

// Explain implements Director.
func (c *DirectorClient) Explain(ctx context.Context, r ConnExplainRequest) (ConnExplain, error) {
	q := url.Values{"client": {r.Client.String()}}
	if r.VIP != "" {
		q.Set("vip", r.VIP)
	}
	return call[ConnExplain](ctx, c.caller, http.MethodGet, "/v1/director/explain", q, nil)
}

// Drain implements Director.
func (c *DirectorClient) Drain(ctx context.Context, o DrainOrder) (DrainOrder, error) {
	return call[DrainOrder](ctx, c.caller, http.MethodPut, "/v1/director/overrides", nil, o)
}

// Undrain implements Director.
func (c *DirectorClient) Undrain(ctx context.Context, server, vip string) (int, error) {
	q := url.Values{"server": {server}}
	if vip != "" {
		q.Set("vip", vip)
	}
	answer, err := call[cleared](ctx, c.caller, http.MethodDelete, "/v1/director/overrides", q, nil)
	return answer.Cleared, err
}

// Connections implements Director.
func (c *DirectorClient) Connections(ctx context.Context, f ConnFilter) iter.Seq2[Connection, error] {
	return func(yield func(Connection, error) bool) {
		err := c.stream(ctx, "/v1/director/connections", f.query(), func(body io.Reader) error {
			return readLines(body, func(conn Connection) bool { return yield(conn, nil) })
		})
		if err != nil {
			yield(Connection{}, err)
		}
	}
}

// query writes the filter as parameters.
func (f ConnFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"vip": f.VIP, "server": f.Server, "state": string(f.State)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Client.IsValid() {
		q.Set("client", f.Client.String())
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

// stream asks for an answer that may be long, and lets read read it. Its time
// is limited between pieces, not in all.
func (c *caller) stream(ctx context.Context, path string, q url.Values, read func(io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(streamTimeout, func() { cancel(fmt.Errorf("nothing came for %v", streamTimeout)) })
	defer late.Stop()
	request, err := newRequest(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	untimed := http.Client{Transport: c.http.Transport}
	response, err := untimed.Do(request)
	if err != nil {
		return c.unreachable(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		b, err := io.ReadAll(response.Body)
		if err != nil {
			return fmt.Errorf("read answer from control socket %s: %w", c.path, err)
		}
		return c.refused(response.StatusCode, b)
	}
	err = read(&patientReader{response.Body, late})
	if remote, ok := errors.AsType[*remoteError](err); ok {
		return remote.error
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("read answer from control socket %s: %w", c.path, err)
	}
	return nil
}

// patientReader starts the time limit anew with each piece that comes.
type patientReader struct {
	io.Reader
	late *time.Timer
}

func (r *patientReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.late.Reset(streamTimeout)
	}
	return n, err
}
