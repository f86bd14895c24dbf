package load

import (
	"testing"

	"github.com/ballast-lb/ballast/internal/pool"
)

// What an application says of its load is a number within bounds, or an error.
func FuzzApplication(f *testing.F) {
	for _, body := range []string{"0.42", " 0.5\n", `{"load":0.3}`, `{"load":1e400}`, `{"load":null}`, "{", "NaN", "-1", "Inf", ""} {
		f.Add("", body)
	}
	f.Add("TEXT application_utilization=0.42", "")
	f.Add("JSON {", "0.1")
	f.Fuzz(func(t *testing.T, header, body string) {
		if v, err := answer(header, []byte(body)); err == nil && !(v >= 0 && v <= pool.MaxLoad) {
			t.Errorf("%q, %q is a load of %v", header, body, v)
		}
	})
}
