package pool

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// FuzzReport feeds anything to the parser of reports. What it accepts is in
// range, and reads the same after it was written again, as JSON and as Meta.
func FuzzReport(f *testing.F) {
	for _, seed := range []string{
		`{"load":0.42,"connections":7,"boot":"b00","seq":3,"health":"passing","samples":{"cpu":0.4}}`,
		`{"load":10,"health":"drained","reason":"drained"}`,
		`{"load":-1}`, `{"load":1e999}`, `{"connections":-1}`, `{"health":"well"}`, `{}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil {
			return
		}
		if math.IsNaN(r.Load) || r.Load < 0 || r.Load > MaxLoad || r.Connections < 0 || r.Health > Drained {
			t.Fatalf("accepted %+v", r)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) <= maxReport {
			if r2, err := ParseReport(again); err != nil || r2.Load != r.Load || r2.Health != r.Health || r2.Seq != r.Seq {
				t.Fatalf("%+v reads as %+v, %v", r, r2, err)
			}
		}
		l, err := LoadFromMeta(r.Meta(), time.Unix(1, 0))
		if err != nil || l.Value != r.Load || l.Connections != r.Connections || l.Boot != r.Boot {
			t.Fatalf("%+v reads from Meta as %+v, %v", r, l, err)
		}
	})
}

// FuzzLoadHeader feeds anything to the parser of load headers: what it accepts
// is in range.
func FuzzLoadHeader(f *testing.F) {
	for _, seed := range []string{
		"TEXT application_utilization=0.42, cpu_utilization=0.3",
		`JSON {"application_utilization": 0.42}`,
		"TEXT cpu_utilization=NaN", "TEXT", "JSON", "BIN abc", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if v, err := ParseLoadHeader(value); err == nil && !(v >= 0 && v <= MaxLoad) {
			t.Fatalf("%q gives %v", value, v)
		}
	})
}
