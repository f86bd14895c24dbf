package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/ballast-lb/ballast/internal/consul"
)

func (d *decoder) consul(b *hclsyntax.Block) {
	c := &consul.Config{}
	d.config.Consul = c
	before := len(d.problems)
	rate := 0
	seen := d.body("consul", b.Body, settings{
		"address":     text(&c.Address, "Consul's address", "127.0.0.1:8500", nil),
		"datacenter":  text(&c.Datacenter, "a datacenter's name", "dc1", word),
		"token_file":  path(&c.TokenFile),
		"ca_file":     path(&c.TLS.CAFile),
		"cert_file":   path(&c.TLS.CertFile),
		"key_file":    path(&c.TLS.KeyFile),
		"server_name": text(&c.TLS.ServerName, "a host's name", "server.dc1.consul", word),
		"insecure":    boolean(&c.TLS.Insecure),
		"wait":        duration(&c.Wait, time.Second, 10*time.Minute),
		"max_rate":    whole(&rate, 1, 100000),
	}, nil)
	c.MaxRate = float64(rate)
	if seen.has("cert_file") != seen.has("key_file") {
		d.wrong(b.TypeRange, "one of cert_file and key_file is missing", "", "give both or none: they go together")
	}
	if len(d.problems) > before {
		return
	}
	at := b.TypeRange
	if seen.has("address") {
		at = seen["address"]
	}
	// The address alone, as if TLS needed no files.
	if d.consulWorks(at, consul.Config{Address: c.Address, TLS: consul.TLS{Insecure: c.TLS != consul.TLS{}}}) {
		d.files = append(d.files, func() { d.consulWorks(b.TypeRange, *c) })
	}
}

// consulWorks tells whether a client can be made; it contacts nobody.
func (d *decoder) consulWorks(at hcl.Range, c consul.Config) bool {
	client, err := consul.New(c)
	if err != nil {
		d.wrong(at, err.Error(), "", "")
		return false
	}
	client.Close()
	return true
}

// service reads the name of a service in Consul.
func (v *vip) service(s value) {
	text(&v.query.Service, "a service's name", "web", word)(s)
}

// tag reads one tag or a list of them.
func (v *vip) tag(s value) {
	items := []value{s}
	if _, ok := s.bare().(*hclsyntax.TupleConsExpr); ok {
		items, _ = s.list("tag", "")
	}
	for _, item := range items {
		var tag string
		if text(&tag, "a tag", "blue", word)(item); tag != "" {
			v.query.Tags = append(v.query.Tags, tag)
		}
	}
	if strings.Contains(strings.Join(v.query.Tags, ""), "`") {
		s.wrong("has a backquote", "name tags that a Consul filter can express")
	}
}

// word accepts what may stand for a name in Consul.
func word(s string) mistake {
	if s == "" || len(s) > 255 || strings.ContainsAny(s, " /") {
		return mistake{"is not a name", "it has 1 to 255 characters, no spaces or slashes"}
	}
	return mistake{}
}

func (v *vip) reports(b *hclsyntax.Block) {
	r := &Reports{Port: 9155, Interval: time.Second}
	v.Reports = r
	v.d.body("reports", b.Body, settings{
		"port":       whole(&r.Port, 1, 65535),
		"interval":   duration(&r.Interval, 100*time.Millisecond, time.Minute),
		"token_file": v.tokenFile(r),
	}, nil)
}

func (v *vip) tokenFile(r *Reports) func(value) {
	return func(s value) {
		path(&r.TokenFile)(s)
		if r.TokenFile == "" {
			return
		}
		v.d.files = append(v.d.files, func() {
			token, err := read(r.TokenFile)
			switch {
			case err != nil:
				s.wrong("cannot be read", fmt.Sprintf("%v", err))
			case strings.TrimSpace(string(token)) == "":
				s.wrong("is empty", "write the agents' report token into it")
			}
		})
	}
}
