package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// synthetic answers blocking queries for the health of many services as Consul
// does, but keeps nothing of what makes Consul itself slow: what is measured is
// who asks.
type synthetic struct {
	listener net.Listener
	server   *http.Server

	bodies sync.Map // JSON by service and index

	mu      sync.Mutex
	index   []uint64 // of each service
	taken   []uint64 // the index that was asked with last: the answer to it was taken in
	changed []chan struct{}
}

func newSynthetic(services int) (*synthetic, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &synthetic{listener: l, index: make([]uint64, services), taken: make([]uint64, services), changed: make([]chan struct{}, services)}
	for i := range services {
		s.index[i], s.changed[i] = 1, make(chan struct{})
	}
	for i := range services {
		s.body(i, 1)
		s.body(i, 2)
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go s.server.Serve(l)
	return s, nil
}

func (s *synthetic) addr() string { return s.listener.Addr().String() }

func (s *synthetic) close() { s.server.Close() }

func (s *synthetic) services() int { return len(s.index) }

// change gives one server of a service another weight.
func (s *synthetic) change(service int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index[service]++
	close(s.changed[service])
	s.changed[service] = make(chan struct{})
}

// settled waits until every change was taken in.
func (s *synthetic) settled(ctx context.Context) error {
	for {
		s.mu.Lock()
		behind := 0
		for i := range s.index {
			if s.taken[i] < s.index[i] {
				behind++
			}
		}
		s.mu.Unlock()
		if behind == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d services were not asked for again: %w", behind, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

func (s *synthetic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/v1/health/service/s")
	service, err := strconv.Atoi(name)
	if !ok || err != nil || service >= len(s.index) {
		http.NotFound(w, r) // maintenance, datacenters: not of this catalogue
		return
	}
	seen, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	index := s.await(r.Context(), service, seen, wait)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Consul-Index", strconv.FormatUint(index, 10))
	w.Header().Set("X-Consul-KnownLeader", "true")
	w.Header().Set("X-Consul-LastContact", "0")
	w.Write(s.body(service, index))
}

// await gives the index of a service once it is above seen, or after wait.
func (s *synthetic) await(ctx context.Context, service int, seen uint64, wait time.Duration) uint64 {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		index, changed := s.index[service], s.changed[service]
		s.taken[service] = max(s.taken[service], seen)
		s.mu.Unlock()
		if index > seen {
			return index
		}
		select {
		case <-changed:
		case <-timer.C:
			return index
		case <-ctx.Done():
			return index
		}
	}
}

// body is the answer, from memory if it was given before: its making is not
// what is measured.
func (s *synthetic) body(service int, index uint64) []byte {
	key := [2]uint64{uint64(service), index}
	if text, ok := s.bodies.Load(key); ok {
		return text.([]byte)
	}
	text, err := json.Marshal(instances(service, index))
	if err != nil {
		panic(err) // numbers and text
	}
	s.bodies.Store(key, text)
	return text
}

type object = map[string]any

// instances are the servers of a service as Consul describes them. The first
// one's weight goes by the index.
func instances(service int, index uint64) []object {
	list := make([]object, perService)
	for i := range list {
		weight := 10
		if i == 0 {
			weight += int(index % 10)
		}
		node := fmt.Sprintf("node-%d", (service*perService+i)%5000)
		list[i] = object{
			"Node": object{"Node": node, "Address": "10.0.0.1", "Datacenter": "dc1"},
			"Service": object{
				"ID": fmt.Sprintf("s%d-%d", service, i), "Service": fmt.Sprintf("s%d", service),
				"Address": fmt.Sprintf("10.%d.%d.%d", service/250%250, service%250, i+1), "Port": 8080,
				"Weights": object{"Passing": weight, "Warning": 1},
			},
			"Checks": []object{
				{"Node": node, "CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing"},
				{"Node": node, "CheckID": "http", "Name": "http", "Status": "passing", "Output": "HTTP GET: 200 OK"},
			},
		}
	}
	return list
}
