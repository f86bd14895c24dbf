package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ballast-lb/ballast/agent"
	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/consul"
)

// options are the flags.
type options struct {
	agent    agent.Config
	measure  load.Options
	consul   consul.Config
	noConsul bool

	capacity, warningWeight int
	address6                string
	leave, alarm, check     string
	tokenFile, pidFile      string
	logFormat               string
}

func defaultOptions() *options {
	return &options{agent: agent.DefaultConfig(), capacity: 1}
}

// measureFlags say what to measure; sample has them too.
func (o *options) measureFlags(f *pflag.FlagSet) {
	f.IntVar(&o.measure.Port, "port", 0, "the service's TCP `port`; its established connections are counted")
	f.StringVar(&o.measure.AppURL, "app", "", "ask the application for its load by GET at this `URL`: a number, {\"load\": N}, or an ORCA header")
	f.StringVar(&o.measure.AppFile, "app-file", "", "read the application's load from this `file`: a number, or {\"load\": N}")
	f.IntVar(&o.agent.MaxConnections, "max-connections", 0, "`N` connections are a load of 1; 0: connections do not count as load")
	f.DurationVar(&o.agent.Interval, "interval", o.agent.Interval, "`time` between samples")
	f.StringVar(&o.measure.Root, "root", "/", "`directory` under which proc/ is read")
}

func (o *options) flags(f *pflag.FlagSet) {
	c := &o.agent
	f.StringVar(&c.Service.Name, "service", "", "register this service `name`")
	f.StringVar(&c.Service.ID, "id", "", "its `ID`, unique on this Consul agent (default: the name)")
	f.StringVar(&c.Decorate, "decorate", "", "add check and Meta to the service of this `ID` that somebody else registered")
	f.StringVar(&c.Service.Address, "address", "", "the service's `IP` address (default: that of the Consul node)")
	f.StringVar(&o.address6, "address6", "", "its IPv6 `address`, if it has one besides: registered as lan_ipv6")
	f.StringSliceVar(&c.Service.Tags, "tag", nil, "`tag` of the service; may be given more than once")
	f.IntVar(&o.capacity, "capacity", o.capacity, "how much the server can take relative to the others: Consul's passing `weight`")
	f.IntVar(&o.warningWeight, "warning-weight", 0, "its `weight` while overloaded (default: half the capacity, at least 1)")

	f.StringVar(&o.consul.Address, "consul", "", "the local Consul agent's `address` (default 127.0.0.1:8500)")
	f.StringVar(&o.consul.TokenFile, "consul-token-file", "", "`file` with the ACL token; needs service:write")
	f.StringVar(&o.consul.TLS.CAFile, "consul-ca-file", "", "PEM `file` of the authorities that Consul's certificate must come from")
	f.StringVar(&o.consul.TLS.CertFile, "consul-cert-file", "", "PEM `file` of the client certificate")
	f.StringVar(&o.consul.TLS.KeyFile, "consul-key-file", "", "PEM `file` of its key")
	f.StringVar(&o.consul.TLS.ServerName, "consul-server-name", "", "`name` that Consul's certificate must have")
	f.BoolVar(&o.noConsul, "no-consul", false, "tell Consul nothing: only the listeners speak")
	f.DurationVar(&c.Service.TTL, "ttl", c.Service.TTL, "`time` without a beat after which Consul takes the server for dead")
	f.DurationVar(&c.Service.DeregisterAfter, "deregister-after", c.Service.DeregisterAfter, "`time` of being critical after which Consul forgets the service; 0: never")
	f.StringVar(&o.leave, "leave", "", "when stopped: remove, critical or keep; `how` to leave Consul (default: remove, critical with --decorate)")
	f.DurationVar(&c.Drain, "drain", c.Drain, "`time` between saying critical and leaving")
	f.DurationVar(&c.PublishEvery, "publish-every", c.PublishEvery, "`time` between writes of Meta, at least; spread by a fifth")

	f.StringVar(&o.alarm, "alarm", "0.9/0.75", "overloaded above `HIGH/LOW`'s first number, until below its second")
	f.DurationVar(&c.TimeConstant, "smooth", c.TimeConstant, "`time` constant of the averages of CPU, run queue and PSI")
	f.StringVar(&c.DrainFile, "drain-file", "", "while this `file` exists, the server is drained")
	f.StringVar(&o.check, "check", "", "check the service itself: tcp, tls, http:/`PATH` or https:/PATH")
	f.StringVar(&o.pidFile, "pid-file", "", "the service's PID `file`: its start makes the boot id, instead of the agent's")

	f.StringVar(&c.Listen, "listen", c.Listen, "`address` of /v1/report, /metrics and /healthz; empty for none")
	f.StringVar(&o.tokenFile, "report-token-file", "", "`file` with the bearer token that /v1/report and /metrics ask for")
	f.BoolVar(&c.Insecure, "insecure-listen", false, "allow --listen beyond loopback without a token")
	f.StringVar(&c.HAProxyListen, "haproxy-listen", "", "`address` for HAProxy's agent-check; read-only and without authentication (default: none)")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
}

// config makes the agent's configuration of the flags.
func (o *options) config(log *slog.Logger, now time.Time) (agent.Config, error) {
	c := o.agent
	c.Log, c.Version, c.Leave = log, version, agent.Leave(o.leave)
	c.Service.Port = o.measure.Port
	for _, set := range []func(*agent.Config) error{
		o.setService, o.setAlarm, o.setSampler, o.setCheck, o.setToken, o.setRegistry,
	} {
		if err := set(&c); err != nil {
			return agent.Config{}, err
		}
	}
	c.Boot = agent.Boot(o.measure.Root, o.pidFile, now)
	return c, nil
}

func (o *options) setService(c *agent.Config) error {
	s := &c.Service
	switch {
	case o.measure.Port < 0 || o.measure.Port > 65535:
		return fmt.Errorf("port %d is not within 1 and 65535", o.measure.Port)
	case o.noConsul && (s.Name != "" || c.Decorate != ""):
		return errors.New("--no-consul leaves no use for --service and --decorate")
	case s.Name != "" && c.Decorate != "":
		return errors.New("--service registers, --decorate adds to what is registered: give one")
	case !o.noConsul && s.Name == "" && c.Decorate == "":
		return errors.New("give --service NAME to register, --decorate ID to add to a registered service, or --no-consul")
	case s.Name != "" && s.Port == 0:
		return fmt.Errorf("service %s needs --port", s.Name)
	case o.capacity < 1 || o.warningWeight < 0 || max(o.capacity, o.warningWeight) > 65535:
		return fmt.Errorf("capacity %d and warning-weight %d must be within 1 and 65535", o.capacity, o.warningWeight)
	}
	s.Passing, s.Warning = o.capacity, o.warningWeight
	if s.Warning == 0 {
		s.Warning = max(1, o.capacity/2)
	}
	return o.setAddresses(c)
}

func (o *options) setAddresses(c *agent.Config) error {
	if text := c.Service.Address; text != "" {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.IsUnspecified() {
			return fmt.Errorf("address %q is not an IP address that clients can reach", text)
		}
		c.Service.Addresses = map[string]string{}
		family := "lan_ipv4"
		if ip.Is6() {
			family = "lan_ipv6"
		}
		c.Service.Addresses[family] = net.JoinHostPort(text, strconv.Itoa(c.Service.Port))
	}
	if o.address6 == "" {
		return nil
	}
	ip, err := netip.ParseAddr(o.address6)
	if err != nil || !ip.Is6() || ip.Is4In6() || ip.IsUnspecified() {
		return fmt.Errorf("address6 %q is not an IPv6 address that clients can reach", o.address6)
	}
	if c.Service.Addresses == nil {
		c.Service.Addresses = map[string]string{}
	}
	c.Service.Addresses["lan_ipv6"] = net.JoinHostPort(o.address6, strconv.Itoa(c.Service.Port))
	return nil
}

func (o *options) setAlarm(c *agent.Config) error {
	high, low, ok := strings.Cut(o.alarm, "/")
	var errs [2]error
	c.Limits.High, errs[0] = strconv.ParseFloat(high, 64)
	c.Limits.Low, errs[1] = strconv.ParseFloat(low, 64)
	if !ok || errs[0] != nil || errs[1] != nil {
		return fmt.Errorf("alarm %q is not HIGH/LOW, as 0.9/0.75", o.alarm)
	}
	return nil
}

func (o *options) setSampler(c *agent.Config) (err error) {
	c.Sampler, err = load.New(o.measure)
	return err
}

func (o *options) setToken(c *agent.Config) error {
	if o.tokenFile == "" {
		return nil
	}
	text, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return fmt.Errorf("report-token-file: %w", err)
	}
	if c.Token = strings.TrimSpace(string(text)); c.Token == "" {
		return fmt.Errorf("report-token-file %s is empty", o.tokenFile)
	}
	return nil
}

func (o *options) setRegistry(c *agent.Config) error {
	if o.noConsul {
		return nil
	}
	client, err := consul.New(o.consul)
	if err != nil {
		return err
	}
	c.Registry = client
	return nil
}
