package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxLoad bounds what a report may claim: beyond it a number tells nothing more.
const MaxLoad = 10

// maxReport bounds the size of a report in bytes.
const maxReport = 4096

// Report is what an agent says of its server: the body of its GET /v1/report
// and, in fewer words, the service's Meta in Consul.
type Report struct {
	Load        float64 `json:"load"`        // utilisation, 0..1 and above
	Connections int     `json:"connections"` // established connections of the service's port
	Boot        string  `json:"boot"`        // changes with each restart
	Seq         uint64  `json:"seq"`         // grows with each sample
	Health      Health  `json:"health"`
	Reason      string  `json:"reason,omitempty"`
	Samples     Samples `json:"samples"`
}

// Samples are the smoothed measurements behind a report's load. A measurement
// that the machine cannot make is absent.
type Samples struct {
	RunQueue    *float64 `json:"run_queue,omitempty"`   // runnable tasks per core
	CPU         *float64 `json:"cpu,omitempty"`         // busy share of all cores, 0..1
	PSI         *float64 `json:"psi,omitempty"`         // share of time some task waited for CPU, 0..1
	Connections *float64 `json:"connections,omitempty"` // share of the configured maximum
	Application *float64 `json:"application,omitempty"` // what the application itself said
}

// ParseReport reads an agent's report. Numbers out of range are errors, not
// clamped: whoever sends them is broken, and the last report serves better.
func ParseReport(b []byte) (Report, error) {
	if len(b) > maxReport {
		return Report{}, fmt.Errorf("report of %d bytes is longer than %d", len(b), maxReport)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return Report{}, fmt.Errorf("report: %w", err)
	}
	if err := checkLoad(r.Load); err != nil {
		return Report{}, err
	}
	if r.Connections < 0 {
		return Report{}, fmt.Errorf("report: %d connections", r.Connections)
	}
	return r, nil
}

func checkLoad(v float64) error {
	if math.IsNaN(v) || v < 0 || v > MaxLoad {
		return fmt.Errorf("load %v is not within 0 and %d", v, MaxLoad)
	}
	return nil
}

// The keys under which an agent's report stands in a Consul service's Meta.
const (
	MetaLoad        = "ballast-load"
	MetaConnections = "ballast-connections"
	MetaBoot        = "ballast-boot"
)

// Meta is the report as Consul service metadata.
func (r Report) Meta() map[string]string {
	return map[string]string{
		MetaLoad:        strconv.FormatFloat(r.Load, 'f', -1, 64),
		MetaConnections: strconv.Itoa(r.Connections),
		MetaBoot:        r.Boot,
	}
}

// LoadFromMeta reads the report in a Consul service's Meta, as known at the
// time at. Without one it returns the zero Load and no error.
func LoadFromMeta(meta map[string]string, at time.Time) (Load, error) {
	text, ok := meta[MetaLoad]
	if !ok {
		return Load{}, nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Load{}, fmt.Errorf("meta %s=%q is not a number", MetaLoad, text)
	}
	if err := checkLoad(value); err != nil {
		return Load{}, err
	}
	l := Load{Value: value, At: at, Boot: meta[MetaBoot]}
	if text, ok := meta[MetaConnections]; ok {
		if l.Connections, err = strconv.Atoi(text); err != nil || l.Connections < 0 {
			return Load{}, fmt.Errorf("meta %s=%q is not a count", MetaConnections, text)
		}
	}
	return l, nil
}

// LoadHeader is the HTTP response header in which a server reports its load
// along with a health check, as Envoy's and gRPC's ORCA define it:
//
//	endpoint-load-metrics: TEXT application_utilization=0.42, cpu_utilization=0.3
//
// The JSON form is understood too. application_utilization wins over
// cpu_utilization.
const LoadHeader = "Endpoint-Load-Metrics"

// ErrNoLoad says that a load header holds no utilisation.
var ErrNoLoad = errors.New("no application_utilization or cpu_utilization")

// ParseLoadHeader reads a LoadHeader's value. The error is ErrNoLoad when the
// header is well-formed but says nothing of utilisation.
func ParseLoadHeader(value string) (float64, error) {
	if len(value) > maxReport {
		return 0, fmt.Errorf("load header of %d bytes is longer than %d", len(value), maxReport)
	}
	format, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	var metrics map[string]float64
	var err error
	switch strings.ToUpper(format) {
	case "TEXT":
		metrics, err = parseOrcaText(rest)
	case "JSON":
		metrics, err = parseOrcaJSON(rest)
	default:
		err = fmt.Errorf("load header format %q is neither TEXT nor JSON", format)
	}
	if err != nil {
		return 0, err
	}
	for _, key := range []string{"application_utilization", "cpu_utilization"} {
		if v, ok := metrics[key]; ok {
			return v, checkLoad(v)
		}
	}
	return 0, ErrNoLoad
}

func parseOrcaText(s string) (map[string]float64, error) {
	metrics := map[string]float64{}
	for pair := range strings.SplitSeq(s, ",") {
		key, text, ok := strings.Cut(strings.TrimSpace(pair), "=")
		v, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("load header: %q is not NAME=NUMBER", pair)
		}
		metrics[key] = v
	}
	return metrics, nil
}

func parseOrcaJSON(s string) (map[string]float64, error) {
	var fields struct {
		Application *float64 `json:"application_utilization"`
		CPU         *float64 `json:"cpu_utilization"`
	}
	if err := json.Unmarshal([]byte(s), &fields); err != nil {
		return nil, fmt.Errorf("load header: %w", err)
	}
	metrics := map[string]float64{}
	if fields.Application != nil {
		metrics["application_utilization"] = *fields.Application
	}
	if fields.CPU != nil {
		metrics["cpu_utilization"] = *fields.CPU
	}
	return metrics, nil
}
