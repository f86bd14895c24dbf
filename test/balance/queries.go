//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// queries is how many queries for the service the name server has seen.
func (st *stage) queries() (float64, error) {
	ctx, cancel := context.WithTimeout(st.ctx, 5*time.Second)
	defer cancel()
	body, err := st.fetch(ctx, st.url(metricsPort, "/metrics"))
	if err != nil {
		return 0, err
	}
	return sumOf(body, "coredns_ballast_queries_total{", `name="`+hostName+`"`)
}

// sumOf adds up the series of a metric, in Prometheus's text format, that have
// a label.
func sumOf(body []byte, metric, label string) (total float64, err error) {
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, metric) || !strings.Contains(line, label) {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", line, err)
		}
		total += value
	}
	return total, nil
}
