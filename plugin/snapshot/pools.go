package snapshot

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Source is a source of pools with what it said last.
type Source struct {
	Key       string // what it follows, exactly; the same in each run
	Name      string // the same for people: another source may have the same
	Confirmed time.Time
	Pool      *pool.Pool // decoded, it is as of Confirmed
}

// EncodePools writes what sources said, as of now.
func EncodePools(out io.Writer, now time.Time, sources iter.Seq[Source]) error {
	e := NewEncoder(out, Pools, now)
	var servers []server // for each source anew
	for s := range sources {
		servers = servers[:0]
		for i := range s.Pool.Servers {
			servers = append(servers, serverOf(&s.Pool.Servers[i]))
		}
		e.Add(source{Key: s.Key, Name: s.Name, Service: s.Pool.Service, Confirmed: millis(s.Confirmed), Servers: servers})
	}
	return e.End()
}

// DecodePools reads what EncodePools wrote. Times that are later than now are
// now: the clock was set back, and how old things are cannot be told. Loads of
// an unknown age are none.
func DecodePools(in io.Reader, now time.Time) (written time.Time, sources []Source, err error) {
	written, err = Decode(in, Pools, func(record []byte) error {
		var s source
		if err := json.Unmarshal(record, &s); err != nil {
			return err
		}
		p, err := s.pool()
		sources = append(sources, Source{Key: s.Key, Name: s.Name, Pool: p})
		return err
	})
	if err != nil {
		return time.Time{}, nil, err
	}
	for i := range sources {
		settle(sources[i].Pool, written, now)
		sources[i].Confirmed = sources[i].Pool.At
	}
	return written, sources, nil
}

// settle sets the times of a pool from a file that was written at that time.
func settle(p *pool.Pool, written, now time.Time) {
	latest := earlier(written, now)
	p.At = earlier(p.At, latest)
	for i := range p.Servers {
		s := &p.Servers[i]
		s.Since, s.Load.At = earlier(s.Since, latest), earlier(s.Load.At, latest)
		if written.After(now) {
			s.Load = pool.Load{}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// source is a Source's record.
type source struct {
	Key       string   `json:"key"`
	Name      string   `json:"source"`
	Service   string   `json:"service"`
	Confirmed int64    `json:"confirmed"` // Unix milliseconds, as all times of records
	Servers   []server `json:"servers"`
}

func (s *source) pool() (*pool.Pool, error) {
	if s.Key == "" || s.Name == "" {
		return nil, errors.New("it names no source")
	}
	p := &pool.Pool{Service: s.Service, At: instant(s.Confirmed), Servers: make([]pool.Server, len(s.Servers))}
	for i := range s.Servers {
		server, err := s.Servers[i].server()
		if err != nil {
			return nil, fmt.Errorf("%s: server %d: %w", s.Name, i+1, err)
		}
		p.Servers[i] = server
	}
	slices.SortStableFunc(p.Servers, func(a, b pool.Server) int { return cmp.Compare(a.ID, b.ID) })
	p.Servers = slices.CompactFunc(p.Servers, func(a, b pool.Server) bool { return a.ID == b.ID })
	return p, nil
}

// millis is a time as it is written: 0 is none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
