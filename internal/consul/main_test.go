package consul

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
	"go.uber.org/goleak"
)

// shared is the Consul of all tests that do not stop or configure it.
var shared consultest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// patience bounds each wait for something that shall happen.
const patience = 15 * time.Second

// newClient makes a client with short waits that ends with the test.
func newClient(t testing.TB, c Config) *Client {
	t.Helper()
	if c.Wait == 0 {
		c.Wait = time.Second
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// follower collects what a running watch publishes.
type follower struct {
	*Watch
	pools chan *pool.Pool
	stop  func()
}

func follow(t testing.TB, c *Client, q Query, seed *pool.Pool) *follower {
	t.Helper()
	f := &follower{Watch: c.Pool(q, seed), pools: make(chan *pool.Pool, 10_000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.Run(ctx, func(p *pool.Pool) { f.pools <- p }); err != nil {
			t.Error(err)
		}
	}()
	f.stop = func() { cancel(); <-done }
	t.Cleanup(f.stop)
	return f
}

// next waits for a pool that is as wanted, and returns it.
func (f *follower) next(t testing.TB, what string, wanted func(*pool.Pool) bool) *pool.Pool {
	t.Helper()
	limit := time.After(patience)
	var last *pool.Pool
	for {
		select {
		case last = <-f.pools:
			if wanted(last) {
				return last
			}
		case <-limit:
			t.Fatalf("no pool with %s; last %+v, status %+v", what, last, f.Status())
		}
	}
}

func (f *follower) size(t testing.TB, n int) *pool.Pool {
	t.Helper()
	return f.next(t, fmt.Sprint(n, " servers"), func(p *pool.Pool) bool { return len(p.Servers) == n })
}

// quiet checks that nothing was published since the last look.
func (f *follower) quiet(t testing.TB) {
	t.Helper()
	select {
	case p := <-f.pools:
		t.Errorf("published %+v", p)
	default:
	}
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// service is what the tests register, in Consul's own words.
type service struct {
	ID, Name, Address string             `json:",omitempty"`
	Port              int                `json:",omitempty"`
	Tags              []string           `json:",omitempty"`
	Meta              map[string]string  `json:",omitempty"`
	Weights           map[string]int     `json:",omitempty"`
	TaggedAddresses   map[string]address `json:",omitempty"`
	Check             map[string]string  `json:",omitempty"`
}

type address struct {
	Address string
	Port    int
}

// register registers a service at Consul's agent.
func register(t testing.TB, c *consultest.Consul, s service) {
	t.Helper()
	c.Put(t, "/v1/agent/service/register", s)
}

func deregister(t testing.TB, c *consultest.Consul, id string) {
	t.Helper()
	c.Put(t, "/v1/agent/service/deregister/"+id, nil)
}

// setCheck sets the state of a TTL check.
func setCheck(t testing.TB, c *consultest.Consul, id, status, output string) {
	t.Helper()
	c.Put(t, "/v1/agent/check/update/"+id, map[string]string{"Status": status, "Output": output})
}
