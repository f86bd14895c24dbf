package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// newConsul is a server of its own on loopback, with a data directory, so that
// it remembers its services when it is stopped and started. -dev would not.
func newConsul(s *settings) *program {
	http, server, serf := port(s.consulHTTP), port(s.consulServer), port(s.consulSerf)
	return newProgram(s, "consul", s.consul, "agent", "-server", "-bootstrap-expect=1",
		"-node=demo", "-data-dir="+consulData(s), "-bind=127.0.0.1", "-client=127.0.0.1",
		"-http-port="+http, "-server-port="+server, "-serf-lan-port="+serf,
		"-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1",
		"-hcl=disable_update_check=true",
		"-hcl=performance { raft_multiplier = 1 }", // elects itself within a second
		"-log-level=warn")
}

func consulData(s *settings) string { return filepath.Join(s.run, "consul") }

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// newAgent speaks for one server. Its times are short, for those who watch.
func newAgent(s *settings, w *web) *program {
	return newProgram(s, "agent-"+w.name, s.program("ballast-agent"),
		"--consul", s.consulHTTP,
		"--service", "web", "--id", w.name, "--address", w.ip, "--port", strconv.Itoa(s.webPort),
		"--capacity", strconv.Itoa(w.capacity),
		"--app", "http://"+w.address+"/load", "--check", "http:/healthz",
		"--interval", "500ms", "--publish-every", "2s", "--ttl", "5s", "--drain", "0s",
		"--listen", s.agent(w.spec))
}

// startConsul starts Consul with nothing in it, and the agents. It waits until
// all servers pass: a name server that saw them come would warm them up first.
func (d *demo) startConsul(ctx context.Context) error {
	s := &d.settings
	if err := os.RemoveAll(consulData(s)); err != nil {
		return fmt.Errorf("remove the data of an earlier Consul: %w", err)
	}
	if err := d.cast.consul.start(); err != nil {
		return err
	}
	err := d.wait(ctx, d.cast.consul, s.leads)
	if err != nil {
		return err
	}
	for _, agent := range d.cast.agents {
		if err := agent.start(); err != nil {
			return err
		}
	}
	for i, agent := range d.cast.agents {
		id := d.cast.webs[i].name
		err := d.wait(ctx, agent, func(ctx context.Context) error { return s.passes(ctx, id) })
		if err != nil {
			return err
		}
	}
	return nil
}

// leads is nil once Consul has elected itself.
func (s *settings) leads(ctx context.Context) error {
	leader, err := s.askConsul(ctx, "/v1/status/leader")
	if err == nil && leader == `""` {
		err = errors.New("it has no leader yet")
	}
	return err
}

// passes is nil once Consul has heard from a server's agent that all is well.
func (s *settings) passes(ctx context.Context, id string) error {
	_, err := s.askConsul(ctx, "/v1/agent/health/service/id/"+id)
	return err
}

// askConsul returns the body of a GET that Consul answers with 200.
func (s *settings) askConsul(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.consulHTTP+path, nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return strings.TrimSpace(string(body)), err
}
