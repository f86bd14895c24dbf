package pool

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestParseReport(t *testing.T) {
	for _, c := range []struct {
		name, text string
		load       float64
		health     Health
		err        string
	}{
		{name: "whole", text: `{"load":0.42,"connections":7,"health":"warning"}`, load: 0.42, health: Warning},
		{name: "unknown fields are for later versions", text: `{"load":0.1,"gpu":0.5}`, load: 0.1},
		{name: "most", text: `{"load":10}`, load: 10},
		{name: "too much", text: `{"load":10.1}`, err: "not within 0 and 10"},
		{name: "negative", text: `{"load":-0.1}`, err: "not within"},
		{name: "connections", text: `{"connections":-1}`, err: "-1 connections"},
		{name: "health", text: `{"health":"fine"}`, err: `unknown health "fine"`},
		{name: "no JSON", text: `load=1`, err: "report:"},
		{name: "something behind it", text: `{"load":1} x`, err: "report:"},
		{name: "too long", text: `{"reason":"` + strings.Repeat("x", maxReport) + `"}`, err: "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ParseReport([]byte(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil || r.Load != c.load || r.Health != c.health {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestMeta(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	r := Report{Load: 0.15, Connections: 7, Boot: "b00"}
	want := map[string]string{MetaLoad: "0.15", MetaConnections: "7", MetaBoot: "b00"}
	if got := r.Meta(); !maps.Equal(got, want) {
		t.Errorf("meta %v, want %v", got, want)
	}
	for _, c := range []struct {
		name string
		meta map[string]string
		want Load
		err  string
	}{
		{name: "as written", meta: want, want: Load{Value: 0.15, Connections: 7, Boot: "b00", At: at}},
		{name: "no report", meta: map[string]string{"version": "7"}},
		{name: "none at all"},
		{name: "load alone", meta: map[string]string{MetaLoad: "1"}, want: Load{Value: 1, At: at}},
		{name: "no number", meta: map[string]string{MetaLoad: "high"}, err: `ballast-load="high"`},
		{name: "not a number", meta: map[string]string{MetaLoad: "NaN"}, err: "not within"},
		{name: "too much", meta: map[string]string{MetaLoad: "1e9"}, err: "not within"},
		{name: "connections", meta: map[string]string{MetaLoad: "1", MetaConnections: "-3"}, err: `ballast-connections="-3"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := LoadFromMeta(c.meta, at)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || got != (Load{}) {
					t.Errorf("got %+v, %v, want an error with %q", got, err, c.err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseLoadHeader(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        float64
		err         string
	}{
		{name: "text", value: "TEXT application_utilization=0.42, cpu_utilization=0.3", want: 0.42},
		{name: "text in lower case, spaces", value: "  text  cpu_utilization=0.3 ", want: 0.3},
		{name: "other metrics are passed over", value: "TEXT rps_fractional=900,cpu_utilization=0.3", want: 0.3},
		{name: "json", value: `JSON {"cpu_utilization":0.3,"application_utilization":0.6}`, want: 0.6},
		{name: "json cpu", value: `JSON {"cpu_utilization":0.3}`, want: 0.3},
		{name: "no utilisation", value: "TEXT mem_utilization=0.3", err: ErrNoLoad.Error()},
		{name: "no format", value: "application_utilization=0.42", err: "neither TEXT nor JSON"},
		{name: "binary", value: "BIN CgA=", err: "neither TEXT nor JSON"},
		{name: "empty", err: "neither TEXT nor JSON"},
		{name: "no number", value: "TEXT cpu_utilization=high", err: "NAME=NUMBER"},
		{name: "no sign", value: "TEXT cpu_utilization", err: "NAME=NUMBER"},
		{name: "json broken", value: `JSON {"cpu_utilization":`, err: "load header"},
		{name: "too much", value: "TEXT cpu_utilization=11", err: "not within"},
		{name: "not a number", value: "TEXT cpu_utilization=NaN", err: "not within"},
		{name: "too long", value: "TEXT " + strings.Repeat("a=1,", maxReport), err: "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseLoadHeader(c.value)
			switch {
			case c.err == "" && (err != nil || got != c.want):
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want one with %q", err, c.err)
			}
		})
	}
	if _, err := ParseLoadHeader("TEXT a=1"); !errors.Is(err, ErrNoLoad) {
		t.Errorf("error %v is not ErrNoLoad", err)
	}
}
