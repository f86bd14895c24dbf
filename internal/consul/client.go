// Package consul is where Ballast meets Consul: watches turn a service's
// instances and checks into pools, and agents register, beat and publish
// through it. Nothing else imports Consul's API.
//
// A watch is one blocking query in one goroutine. Consul allows 200
// connections from one address by default (limits.http_max_conns_per_client);
// plain HTTP needs one for each watch, HTTPS shares a few by HTTP/2.
package consul

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/secret"
	"github.com/hashicorp/consul/api"
	"golang.org/x/time/rate"
)

// Client talks to one Consul agent or server. Its methods are safe for
// concurrent use.
type Client struct {
	api        *api.Client
	http       *http.Transport
	token      *secret.File
	address    string // for messages
	datacenter string
	wait       time.Duration
	slack      time.Duration // how long Consul may take beyond a query's wait
	refresh    time.Duration // shortest time between two pools that differ in times only
	limit      *rate.Limiter
	first      chan struct{} // places for the first queries of watches
	contact    *contact
	refused    *alarm
	flawed     *alarm
	maint      *maintained
	watches    atomic.Int64 // running
	now        func() time.Time

	closed context.Context
	close  context.CancelFunc
}

// New checks the configuration and reads its files, but does not call Consul.
func New(c Config) (*Client, error) {
	address, err := parseAddress(c.Address, c.TLS != TLS{})
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	if c.Wait < 0 || c.Wait > 10*time.Minute {
		return nil, fmt.Errorf("consul: wait %v is not within 0 and Consul's limit of 10m", c.Wait)
	}
	if c.MaxRate < 0 {
		return nil, fmt.Errorf("consul: rate %v is negative", c.MaxRate)
	}
	token, err := secret.New(c.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	conf, err := c.TLS.config()
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("consul", displayAddress(c.Address))
	client := &Client{
		http:       newTransport(address, conf),
		token:      token,
		address:    displayAddress(c.Address),
		datacenter: c.Datacenter,
		wait:       orDefault(c.Wait, defaultWait),
		slack:      5 * time.Second,
		refresh:    10 * time.Second,
		limit:      rate.NewLimiter(rate.Limit(orDefault(c.MaxRate, defaultRate)), rateBurst),
		first:      make(chan struct{}, firstQueries),
		contact:    newContact(log),
		refused:    &alarm{log: log, raised: "Consul refuses a query", cleared: "Consul refuses no query any more"},
		flawed:     &alarm{log: log, raised: "registration in Consul cannot be used as it is", cleared: "all registrations in Consul can be used again"},
		maint:      &maintained{},
		now:        time.Now,
	}
	client.closed, client.close = context.WithCancel(context.Background())
	client.api, err = api.NewClient(&api.Config{
		Address: address.host, Scheme: address.scheme, PathPrefix: address.prefix,
		HttpClient: &http.Client{Transport: &transport{base: client.http, token: token, now: client.now}},
	})
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	return client, nil
}

// Close ends the client's watches and calls, and its connections.
func (c *Client) Close() {
	c.close()
	c.http.CloseIdleConnections()
}

// enter counts a watch in, and returns a context that Close ends too.
func (c *Client) enter(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.closed, cancel)
	c.watches.Add(1)
	return ctx, func() {
		stop()
		cancel()
		if c.watches.Add(-1) == 0 {
			c.http.CloseIdleConnections()
		}
	}
}

// blockFor is the wait of the next blocking query: as configured, or longer
// so that idle watches use at most half of the rate.
func (c *Client) blockFor() time.Duration {
	const queries = 2 // for each wait: one that waits, one that confirms
	fair := 2 * queries * float64(c.watches.Load())
	if need := rate.Limit(fair / longestWait.Seconds()); need > c.limit.Limit() {
		c.limit.SetLimit(need)
	}
	return max(c.wait, min(time.Duration(fair/float64(c.limit.Limit())*float64(time.Second)), longestWait))
}

// firstQueries is how many watches ask for the first time at once. Their number
// is bounded and not their rate, so that thousands of services are known as
// soon as Consul can tell of them.
const firstQueries = 16

// longestWait is how long a watch may go without a word. Policies trust what
// they heard for half a minute, so with many watches it is the rate that gives.
const longestWait = 25 * time.Second

// anonymous tells that no token is sent, as far as we know.
func (c *Client) anonymous() bool {
	return c.token.Path() == "" && os.Getenv(api.HTTPTokenEnvName) == "" && os.Getenv(api.HTTPTokenFileEnvName) == ""
}

func displayAddress(address string) string {
	if address == "" {
		return defaultAddress
	}
	return address
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
