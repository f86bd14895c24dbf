//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
)

// registry starts Consul beside the name server.
func (st *stage) registry() error {
	address := st.lab.NS.Addr.String()
	err := st.start(spec{name: "consul", node: st.lab.NS, path: st.consul, args: []string{
		"agent", "-dev", "-node=lab", "-bind=" + address, "-client=" + address,
		"-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1",
		"-hcl=disable_update_check=true", "-log-level=warn",
	}})
	if err != nil {
		return err
	}
	return await(st.ctx, "Consul has a leader", func(ctx context.Context) error {
		var leader string
		err := st.get(ctx, st.url(consulPort, "/v1/status/leader"), &leader)
		if err == nil && leader == "" {
			err = errors.New("none yet")
		}
		return err
	})
}

// The agent's own defaults, at the papers' pace.
const (
	sampleEvery  = 2 * time.Second
	publishEvery = 10 * time.Second
)

// agents starts one for each server, which reports what the meter says.
func (st *stage) agents() error {
	for i, n := range st.lab.Servers {
		err := st.start(spec{name: "agent-" + n.Name, node: n.Node, path: st.program("ballast-agent"), args: []string{
			"--consul", st.lab.NS.HostPort(consulPort), "--service", serviceName, "--id", n.Name,
			"--address", n.Addr.String(), "--port", fmt.Sprint(webPort),
			"--capacity", fmt.Sprint(math.Round(100 * st.relative[i])),
			"--app", "http://" + n.HostPort(loadPort) + "/",
			"--interval", st.scaled(sampleEvery).String(), "--smooth", st.scaled(smoothing).String(),
			"--publish-every", st.scaled(publishEvery).String(), "--ttl", "5s", "--drain", "0s",
		}})
		if err != nil {
			return err
		}
	}
	return await(st.ctx, "all servers are passing in Consul", func(ctx context.Context) error {
		var passing []any
		err := st.get(ctx, st.url(consulPort, "/v1/health/service/"+serviceName+"?passing"), &passing)
		if err == nil && len(passing) != len(st.relative) {
			err = fmt.Errorf("%d of %d", len(passing), len(st.relative))
		}
		return err
	})
}

// get reads JSON.
func (st *stage) get(ctx context.Context, url string, into any) error {
	body, err := st.fetch(ctx, url)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// maxBody bounds what is read of an answer.
const maxBody = 4 << 20

func (st *stage) fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := st.client().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return body, err
}
