package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
)

// service is what is registered in Consul: three instances, of which the first
// changes its weight, and the second its health.
type service struct {
	weight int  // of the first
	passes bool // the second
}

const (
	baseWeight  = 10
	checkID     = "health"
	serviceName = "web"
	nodeName    = "node" // what consultest calls its agent
)

func newService() *service { return &service{weight: baseWeight, passes: true} }

// next changes the service, in turn its weight and its health, and returns
// what tells Consul.
func (s *service) next(agent *consulAgent, i int) func(context.Context) error {
	if i%2 == 0 {
		s.weight = 4*baseWeight - s.weight
		return func(ctx context.Context) error { return agent.put(ctx, "/v1/agent/service/register", s.instance(0)) }
	}
	s.passes = !s.passes
	return func(ctx context.Context) error { return agent.setHealth(ctx, s.passes) }
}

// expected are the weights of the SRV records, per mille of the largest, by
// target: a label of node and service ID below the LB name.
func (s *service) expected() map[string]uint16 {
	capacity := map[string]int{instanceID(0): s.weight, instanceID(2): baseWeight}
	if s.passes {
		capacity[instanceID(1)] = baseWeight
	}
	largest := slices.Max(slices.Collect(maps.Values(capacity)))
	want := map[string]uint16{}
	for id, c := range capacity {
		want[nodeName+"-"+id+"."+qname] = uint16(float64(c)/float64(largest)*1000 + 0.5)
	}
	return want
}

func instanceID(i int) string { return fmt.Sprintf("%s-%d", serviceName, i+1) }

// instance is the body of a registration.
func (s *service) instance(i int) map[string]any {
	weight := baseWeight
	if i == 0 {
		weight = s.weight
	}
	body := map[string]any{
		"ID": instanceID(i), "Name": serviceName, "Port": 80,
		"Address": fmt.Sprintf("192.0.2.%d", i+1),
		"Weights": map[string]int{"Passing": weight, "Warning": 1},
	}
	if i == 1 {
		body["Check"] = map[string]any{"CheckID": checkID, "TTL": "1h", "Status": "passing"}
	}
	return body
}

// consulAgent speaks to Consul as an operator's script would, over one
// connection that is kept.
type consulAgent struct {
	base      string
	transport *http.Transport
}

func newConsulAgent(addr string) *consulAgent {
	return &consulAgent{base: "http://" + addr, transport: &http.Transport{MaxIdleConnsPerHost: 1}}
}

func (a *consulAgent) close() { a.transport.CloseIdleConnections() }

func (a *consulAgent) register(ctx context.Context, s *service) error {
	for i := range 3 {
		if err := a.put(ctx, "/v1/agent/service/register", s.instance(i)); err != nil {
			return err
		}
	}
	return nil
}

func (a *consulAgent) setHealth(ctx context.Context, passing bool) error {
	status := "critical"
	if passing {
		status = "passing"
	}
	return a.put(ctx, "/v1/agent/check/update/"+checkID, map[string]string{"Status": status})
}

func (a *consulAgent) put(ctx context.Context, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, a.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: a.transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("PUT %s: %s: %s", path, resp.Status, bytes.TrimSpace(answer))
	}
	return err
}
