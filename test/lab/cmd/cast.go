//go:build linux

package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/ballast-lb/ballast/test/lab"
)

// The ports of the test servers: what curl and what `lab load` speak to.
const (
	httpPort = 80
	echoPort = 443
)

//go:embed conf
var conf embed.FS

// cast is the list of what runs in the lab, in the order of starting. A
// program is added by a line here, and its configuration by a file in conf/.
func (s *settings) cast(l *lab.Lab) ([]program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all []program
	for _, server := range l.Servers {
		all = append(all, s.server(server, self))
	}
	all = append(all, s.consulServer(l))
	for _, server := range l.Servers {
		all = append(all, s.agent(l, server))
	}
	files := map[string]string{}
	for _, name := range []string{"Corefile", "example.org.zone", "director.hcl"} {
		if files[name], err = s.configuration(l, name); err != nil {
			return nil, err
		}
	}
	return append(all,
		program{
			name: "director", node: "director", path: filepath.Join(s.bin, "ballast-director"),
			args:  []string{"-config", filepath.Join(s.dir, "director.hcl")},
			files: map[string]string{"director.hcl": files["director.hcl"]},
			ready: accepts("director", "127.0.0.1:9154"),
		},
		program{
			name: "coredns", node: "ns", path: filepath.Join(s.bin, "coredns"),
			args:  []string{"-conf", filepath.Join(s.dir, "Corefile")},
			files: map[string]string{"Corefile": files["Corefile"], "example.org.zone": files["example.org.zone"]},
			ready: accepts("ns", net.JoinHostPort(l.NS.Addr.String(), "53")),
		}), nil
}

func (s *settings) server(n *lab.Server, self string) program {
	return program{
		name: n.Name, node: n.Name, path: self, args: []string{"serve", n.Name},
		ready: accepts(n.Name, n.HostPort(httpPort), n.HostPort(echoPort)),
	}
}

// consulServer listens for its clients on the address of the name server's
// host: the agents have no Consul agent of their own.
func (s *settings) consulServer(l *lab.Lab) program {
	address := l.NS.Addr.String()
	return program{
		name: "consul", node: "ns", path: s.consul,
		args: []string{"agent", "-server", "-bootstrap-expect=1", "-node=lab",
			"-data-dir=" + filepath.Join(s.dir, "consul"), "-bind=" + address, "-client=" + address + " 127.0.0.1",
			"-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1",
			"-hcl=disable_update_check=true",
			"-hcl=performance { raft_multiplier = 1 }", // elects itself within a second
			"-log-level=warn"},
		ready: leads,
	}
}

// agent speaks for one server. Its times are short, for those who watch.
func (s *settings) agent(l *lab.Lab, n *lab.Server) program {
	return program{
		name: "agent-" + n.Name, node: n.Name, path: filepath.Join(s.bin, "ballast-agent"),
		args: []string{"--consul", l.NS.HostPort(8500),
			"--service", "web", "--id", n.Name, "--address", n.Addr.String(), "--port", fmt.Sprint(httpPort),
			"--max-connections", "1000", "--check", "http:/",
			"--interval", "500ms", "--publish-every", "2s", "--ttl", "5s", "--drain", "0s",
			"--listen", n.HostPort(9155), "--insecure-listen"},
		ready: accepts(n.Name, n.HostPort(9155)),
	}
}

// configuration fills in a file of conf/.
func (s *settings) configuration(l *lab.Lab, name string) (string, error) {
	t, err := template.ParseFS(conf, "conf/"+name)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]any{
		"Lab": l, "Consul": l.NS.HostPort(8500), "HTTP": httpPort, "Echo": echoPort,
	})
	return out.String(), err
}

// accepts is a program that is ready when ports take connections.
func accepts(name string, addresses ...string) func(context.Context, *lab.Lab) error {
	return func(ctx context.Context, l *lab.Lab) error {
		n, err := node(l, name)
		if err != nil {
			return err
		}
		for _, address := range addresses {
			conn, err := n.Dial(ctx, "tcp", address)
			if err != nil {
				return err
			}
			if err := conn.Close(); err != nil {
				return err
			}
		}
		return nil
	}
}

// leads is nil once Consul has elected itself.
func leads(ctx context.Context, l *lab.Lab) error {
	body, err := get(ctx, l.NS, "http://"+l.NS.HostPort(8500)+"/v1/status/leader")
	if err == nil && strings.Trim(body, "\"\n") == "" {
		err = errors.New("it has no leader yet")
	}
	return err
}

// get returns the body that is answered with 200 in a namespace.
func get(ctx context.Context, n *lab.Node, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DialContext: n.Dial, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return string(body), err
}
