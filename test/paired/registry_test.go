//go:build linux

package paired

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// registration is a VIP as Consul knows it.
type registration struct {
	id     string
	status string // the check's
	output string // and what it says
	weight int
	load   float64 // of the Meta; 0 if there is none
}

// get asks Consul.
func (s *stage) get(path string, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.lab.NS.HostPort(8500)+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DialContext: s.lab.NS.Dial, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// registrations are all VIPs of the service, by address.
func (s *stage) registrations() (map[string]registration, error) {
	var entries []struct {
		Service struct {
			ID, Address string
			Meta        map[string]string
			Weights     struct{ Passing int }
		}
		Checks []struct{ CheckID, Status, Output string }
	}
	if err := s.get("/v1/health/service/web?tag=vip", &entries); err != nil {
		return nil, err
	}
	all := map[string]registration{}
	for _, e := range entries {
		r := registration{id: e.Service.ID, weight: e.Service.Weights.Passing}
		r.load, _ = strconv.ParseFloat(e.Service.Meta["ballast-load"], 64)
		for _, c := range e.Checks {
			if strings.HasSuffix(c.CheckID, ":"+r.id) {
				r.status, r.output = c.Status, c.Output
			}
		}
		all[e.Service.Address] = r
	}
	return all, nil
}

// is tells why a VIP is not in Consul with a status and what else it should
// be; nil if it is.
func (s *stage) is(v vip, status string, more func(registration) bool) error {
	all, err := s.registrations()
	if err != nil {
		return err
	}
	r, ok := all[v.Address]
	switch {
	case !ok:
		return fmt.Errorf("%s is not registered: %+v", v.Address, all)
	case r.status != status || more != nil && !more(r):
		return fmt.Errorf("it is %+v", r)
	}
	return nil
}

// weighs is nil if a VIP is passing in Consul with a weight.
func (s *stage) weighs(v vip, weight int) error {
	return s.is(v, "passing", func(r registration) bool { return r.weight == weight })
}
