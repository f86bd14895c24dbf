package config

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// FuzzParse wants of any text either problems with their places or a
// configuration that holds what its types promise.
func FuzzParse(f *testing.F) {
	for _, src := range []string{
		"", example, base, inVIP("service = \"web\"\ntag = [\"a\"]\nscheduler = \"load\"\nfallback = [\"[10.0.0.1]:80\"]"),
		inVIP("servers = [\"10.0.0.1:80 weight=3\", \"10.0.0.2 fallback\"]\ncheck \"https\" { path = \"/\", host = \"x\", ca_file = \"y\" }"),
		inVIP("servers = [\"10.0.0.1\"]\nmode = \"fullnat\"\nsources = [\"10.0.0.7\"]\nsource_ports = \"1024-2048\"\neject { consecutive = 1 }"),
		"interfaces = [\"a\", <<E\nb\nE\n]\np { a = \"${1}\", b = [{ c = 1, d = -1 }] } // x",
		"interfaces = [(\"a\")]\nconnections = 1e99999\nmetrics = null\n",
		"timeouts { udp = \"1s\", reset = \"1h\", }\r\nsyn{tries=1}\r\n",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("d.hcl", src)
		if err == nil {
			sound(t, c)
			return
		}
		var ps Problems
		if c != nil || !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("%+v, %v", c, err)
		}
		lines := strings.Count(string(src), "\n") + 1
		for _, p := range ps {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.What == "" || strings.Contains(p.Error(), "\n") {
				t.Errorf("problem %+v of %d lines", p, lines)
			}
		}
		samePlaces(t, src, unfolded(string(src)))
	})
}

func sound(t *testing.T, c *Config) {
	if len(c.Interfaces) == 0 || c.Control == "" || c.State == "" || c.Connections < 1024 || c.SYN.Tries < 1 || c.SYN.Tries > MaxTries {
		t.Errorf("%+v", c)
	}
	for _, v := range c.VIPs {
		servers := append(slices.Clone(v.Servers), v.Fallback...)
		sameFamily := func(a netip.Addr) bool { return a.Is4() == v.Address.Is4() && !a.Is4In6() }
		if !v.Address.IsValid() || len(v.Ports) == 0 || !vipName(v.Name) || v.Line < 1 || v.Quorum < 1 ||
			(v.Service == nil) == (len(v.Servers) == 0) || v.Service != nil && c.Consul == nil || v.Register && c.Consul == nil ||
			slices.ContainsFunc(servers, func(s Server) bool { return !sameFamily(s.Addr) }) ||
			!slices.ContainsFunc([]Mode{NAT, FullNAT}, func(m Mode) bool { return m == v.Mode }) ||
			v.Check != nil && (v.Check.Options.Timeout > v.Check.Options.Every || v.Check.Options.Rise < 1) {
			t.Errorf("%+v", v)
		}
	}
}
