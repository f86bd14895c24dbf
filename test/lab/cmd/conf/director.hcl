# What `lab up` gives ballast-director; HTTP on {{.HTTP}} from Consul, echo on {{.Echo}} from a list.
interfaces = ["d0", "br0"]
control    = "/run/ballast/director.sock"
metrics    = "127.0.0.1:9154"
state      = "{{.Lab.BPF}}/ballast"

consul { address = "{{.Consul}}" }

vip "web" {
  address   = "{{.Lab.VIP 0}}"
  ports     = [{{.HTTP}}]
  scheduler = "load"
  service   = "web"
  check "tcp" { interval = "1s" }
  reports { interval = "1s" }
}

vip "echo" {
  address   = "{{.Lab.VIP 0}}"
  ports     = [{{.Echo}}]
  scheduler = "wlc"
  servers   = [{{range $i, $s := .Lab.Servers}}{{if $i}}, {{end}}"{{$s.Addr}}"{{end}}]
  register  = false
  check "tcp" { interval = "1s" }
}

vip "echo6" {
  address   = "{{.Lab.VIP6 0}}"
  ports     = [{{.Echo}}]
  scheduler = "wlc"
  servers   = [{{range $i, $s := .Lab.Servers}}{{if $i}}, {{end}}"{{$s.Addr6}}"{{end}}]
  register  = false
  check "tcp" { interval = "1s" }
}

vip "echo-udp" {
  address   = "{{.Lab.VIP 0}}"
  ports     = [{{.Echo}}]
  protocol  = "udp"
  scheduler = "rr"
  servers   = [{{range $i, $s := .Lab.Servers}}{{if $i}}, {{end}}"{{$s.Addr}}"{{end}}]
  register  = false
  # No kind of check speaks UDP but dns. The echo server opens and closes its
  # port for TCP and UDP at once, so the one tells of the other here.
  check "tcp" { interval = "1s" }
}
