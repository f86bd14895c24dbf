package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gauges are what a process says of itself.
type gauges struct {
	Goroutines int     `json:"goroutines"`
	Files      int     `json:"files"`
	Resident   float64 `json:"resident_bytes"`
	Heap       float64 `json:"heap_bytes"`
}

// measure reads the process's metrics some times: questions under way are
// goroutines too, so that the least counts.
func (s *stage) measure() (least gauges, err error) {
	for i := range 8 {
		g, err := s.measureOnce()
		if err != nil {
			return g, err
		}
		if i == 0 || g.Goroutines < least.Goroutines {
			least = g
		}
		time.Sleep(100 * time.Millisecond)
	}
	return least, nil
}

func (s *stage) measureOnce() (gauges, error) {
	body, err := s.fetch("http://" + s.metrics + "/metrics")
	if err != nil {
		return gauges{}, err
	}
	values := map[string]float64{}
	for line := range strings.SplitSeq(body, "\n") {
		name, value, ok := strings.Cut(line, " ")
		if !ok || strings.ContainsAny(name, "{#") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	if values["go_goroutines"] == 0 {
		return gauges{}, fmt.Errorf("no go_goroutines in http://%s/metrics", s.metrics)
	}
	return gauges{
		Goroutines: int(values["go_goroutines"]), Files: int(values["process_open_fds"]),
		Resident: values["process_resident_memory_bytes"], Heap: values["go_memstats_heap_inuse_bytes"],
	}, nil
}

// stacks are what the process's goroutines do.
func (s *stage) stacks() string {
	text, err := s.fetch("http://" + s.pprof + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err.Error()
	}
	return text
}

func (s *stage) fetch(url string) (string, error) {
	ctx, cancel := context.WithTimeout(s.always, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}
