package zones

import (
	"fmt"
	"strconv"
	"strings"
)

const checkRemedy = "write check=none, tcp, tcp:9000, tls, http:/healthz, http:8081/healthz, https:/healthz or exec:NAME"

// setCheck reads KIND[:REST].
func setCheck(lb *LB, v string) *mistake {
	kind, rest, _ := strings.Cut(v, ":")
	kind = strings.ToLower(kind)
	read, ok := checks[kind]
	if !ok {
		return wrong(checkRemedy, "check=%s: there is no check `%s`", v, kind)
	}
	c := Check{Kind: kind, Host: lb.Check.Host}
	if m := read(&c, rest); m != nil {
		m.text = fmt.Sprintf("check=%s: %s", v, m.text)
		return m
	}
	lb.Check = c
	return nil
}

// checks read what follows the colon, by kind.
var checks = map[string]func(c *Check, rest string) *mistake{
	CheckNone:  checkBare,
	CheckTCP:   checkPort,
	CheckTLS:   checkPort,
	CheckHTTP:  checkURL,
	CheckHTTPS: checkURL,
	CheckExec:  checkCommand,
}

func checkBare(_ *Check, rest string) *mistake {
	if rest != "" {
		return wrong("write `check=none`", "`%s` is too much", rest)
	}
	return nil
}

func checkPort(c *Check, rest string) *mistake {
	if rest == "" {
		return nil
	}
	port, err := strconv.ParseUint(rest, 10, 16)
	if err != nil || port == 0 {
		return wrong(fmt.Sprintf("write a port, like `check=%s:9000`", c.Kind), "port `%s` is not within 1 and 65535", rest)
	}
	c.Port = uint16(port)
	return nil
}

func checkURL(c *Check, rest string) *mistake {
	const remedy = "write `check=%[1]s:/healthz` or `check=%[1]s:8081/healthz`; the virtual host goes into host="
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		host, _, _ = strings.Cut(host, "/")
		return wrong(fmt.Sprintf(remedy, c.Kind), "`%s` is read as part of the path", host)
	}
	port, path, _ := strings.Cut(rest, "/")
	if m := checkPort(c, port); m != nil {
		m.remedy = fmt.Sprintf(remedy, c.Kind)
		return m
	}
	c.Path = "/" + path
	if !printable(c.Path) {
		return wrong("write a blank as %20", "path %q has blanks in it", c.Path)
	}
	return nil
}

// checkCommand takes a name and not a path: whoever may edit a zone must not
// thereby choose which program runs.
func checkCommand(c *Check, rest string) *mistake {
	if !word(rest) {
		return wrong("name a command of the Corefile, like `check=exec:mysql`", "`%s` is not a command's name", rest)
	}
	c.Name = rest
	return nil
}

func setHost(lb *LB, v string) *mistake {
	if !printable(v) || strings.ContainsAny(v, "/@?#") {
		return wrong("write a host name, like `host=www.example.org`", "host=%s is not a host name", v)
	}
	lb.Check.Host = v
	return nil
}
