// Package consultest runs a real Consul server on loopback for tests, and a
// proxy that puts faults between it and its clients.
package consultest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
)

// Options change the server that is started.
type Options struct {
	Node       string         // default "node"
	Datacenter string         // default "dc1"
	Config     map[string]any // more configuration keys, over the defaults
	Token      string         // for the calls that this package makes
	TLS        *Certificates  // serve HTTPS too, and ask for client certificates
}

// Consul is one server: a cluster of its own, with its data in a directory,
// so that it can be killed and started again as the same.
type Consul struct {
	Addr  string // host:port of the HTTP API
	HTTPS string // the same over TLS, with Options.TLS
	Node  string

	binary  string
	dir     string
	options Options
	process *child.Process
}

// Start runs a server for one test. Without a binary the test is skipped, or
// fails when CI=true.
func Start(t testing.TB, o Options) *Consul {
	t.Helper()
	c, err := Launch(o)
	demand(t, err)
	t.Cleanup(c.Remove)
	return c
}

// Shared is a server that the tests of one binary share. TestMain calls its
// Stop after the tests.
type Shared struct {
	Options Options

	once   sync.Once
	consul *Consul
	err    error
}

// Get starts the server on first use.
func (s *Shared) Get(t testing.TB) *Consul {
	t.Helper()
	s.once.Do(func() { s.consul, s.err = Launch(s.Options) })
	demand(t, s.err)
	return s.consul
}

// Stop ends the server if it was started.
func (s *Shared) Stop() {
	if s.consul != nil {
		s.consul.Remove()
	}
}

// Launch runs a server and waits until it leads its cluster. The caller ends
// it with Remove.
func Launch(o Options) (*Consul, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	// A free port may be taken by somebody else before Consul binds it.
	for range 3 {
		var c *Consul
		if c, err = launch(binary, o); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func launch(binary string, o Options) (*Consul, error) {
	dir, err := os.MkdirTemp("", "consultest")
	if err != nil {
		return nil, err
	}
	c := &Consul{binary: binary, dir: dir, options: o, Node: orDefault(o.Node, "node")}
	if err = c.configure(); err == nil {
		err = c.Restart()
	}
	if err != nil {
		c.Remove()
		return nil, err
	}
	return c, nil
}

// Restart starts a killed server with the same ports and data.
func (c *Consul) Restart() error {
	var err error
	if c.process, err = start(c.binary, c.dir); err != nil {
		return err
	}
	return c.await(30 * time.Second)
}

// Kill ends the server at once, as a crash would.
func (c *Consul) Kill() {
	if c.process != nil {
		c.process.Kill()
		c.process = nil
	}
}

// Remove ends the server and deletes its data.
func (c *Consul) Remove() {
	c.Kill()
	os.RemoveAll(c.dir)
}

// PID is the server's process ID, 0 when it does not run.
func (c *Consul) PID() int {
	if c.process == nil {
		return 0
	}
	return c.process.Pid()
}

// Call sends a request to the server's HTTP API with body in JSON, and
// returns the answer's body. It fails the test on any status but 200.
func (c *Consul) Call(t testing.TB, method, path string, body any) []byte {
	t.Helper()
	answer, err := c.call(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Put is Call for changes; most of the agent's API is PUT.
func (c *Consul) Put(t testing.TB, path string, body any) {
	t.Helper()
	c.Call(t, http.MethodPut, path, body)
}

func (c *Consul) call(method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(method, "http://"+c.Addr+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if c.options.Token != "" {
		r.Header.Set("X-Consul-Token", c.options.Token)
	}
	r.Close = true // leave no goroutine behind
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// await waits until there is a leader and its own service is in the catalog.
func (c *Consul) await(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		answer, err := c.call(http.MethodGet, "/v1/catalog/node-services/"+c.Node, nil)
		if err == nil && strings.Contains(string(answer), `"consul"`) {
			return nil
		}
		if c.process.State() != nil || time.Now().After(deadline) {
			return fmt.Errorf("consul did not come up on %s: %w\n%s", c.Addr, err, c.Log())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Log is what the server wrote.
func (c *Consul) Log() []byte {
	b, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return b
}

// configure writes the server's configuration file.
func (c *Consul) configure() error {
	ports, err := freeport.TakeN(4)
	if err != nil {
		return err
	}
	c.Addr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	config := map[string]any{
		"node_name": c.Node, "datacenter": orDefault(c.options.Datacenter, "dc1"),
		"server": true, "bootstrap_expect": 1, "data_dir": filepath.Join(c.dir, "data"),
		"bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
		"ports": map[string]int{
			"http": ports[0], "server": ports[1], "serf_lan": ports[2],
			"serf_wan": -1, "dns": -1, "grpc": -1, "grpc_tls": -1,
		},
		"performance":          map[string]any{"raft_multiplier": 1},
		"limits":               map[string]any{"http_max_conns_per_client": 2000},
		"connect":              map[string]any{"enabled": false},
		"disable_update_check": true, "disable_host_node_id": true, "log_level": "warn",
	}
	if tls := c.options.TLS; tls != nil {
		c.HTTPS = fmt.Sprintf("127.0.0.1:%d", ports[3])
		config["ports"].(map[string]int)["https"] = ports[3]
		config["tls"] = map[string]any{"https": map[string]any{
			"ca_file": tls.CA, "cert_file": tls.Cert, "key_file": tls.Key, "verify_incoming": true,
		}}
	}
	maps.Copy(config, c.options.Config)
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, "consul.json"), text, 0o600)
}

func orDefault(v, def string) string {
	if v == "" {
		return def
	}
	return v
}
