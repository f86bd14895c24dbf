package consul

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/hashicorp/consul/api"
)

// errNoLeader says that a server answered which does not know the leader.
var errNoLeader = errors.New("no cluster leader: the servers have lost each other or are starting")

// errHidden says that the token may not see what was asked for.
var errHidden = errors.New("the answer was emptied by ACLs")

// refusal tells whether Consul answered, but will not give the answer: more
// a matter of configuration than of contact.
func refusal(err error) bool {
	var status api.StatusError
	return errors.Is(err, errHidden) || errors.As(err, &status) && status.Code/100 == 4
}

// ownError tells whether Consul answered that it failed, at this query at least.
func ownError(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code/100 == 5
}

// wantsCertificate tells whether TLS failed when the handshake was over for us, which
// is when a server of TLS 1.3 says that it wants a certificate (RFC 8446, section
// 4.4.2.4). Of HTTP/2 net/http tells either that alert, or, if it had begun to set up
// the connection by then, only that this came to nothing. Neither error has a type.
func wantsCertificate(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls: certificate required") || strings.Contains(text, "http2: client conn could not be established")
}

// explain words what went wrong in following a service, with the remedy.
func (c *Client) explain(err error, service string) string {
	var status api.StatusError
	var syntax *json.SyntaxError
	var known outage
	switch {
	case errors.As(err, &known):
		return known.Error()
	case errors.Is(err, errHidden):
		return c.explainDenial(err.Error(), service)
	case errors.As(err, &status):
		return c.explainStatus(status, service)
	case errors.Is(err, errNoLeader):
		return err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("connection refused by %s: is Consul running there?", c.address)
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return fmt.Sprintf("no answer from %s in time: is it overloaded, or a firewall between?", c.address)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fmt.Sprintf("%s cut its answer short", c.address)
	case wantsCertificate(err):
		return fmt.Sprintf("%s ended the connection after the TLS handshake: does it want a client certificate, or another one?", c.address)
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s does not answer in JSON: is it Consul's HTTP address?", c.address)
	}
	var call *url.Error // its text begins with a long URL
	if errors.As(err, &call) {
		err = call.Err
	}
	return c.address + ": " + clip(err.Error())
}

func (c *Client) explainStatus(status api.StatusError, service string) string {
	text := fmt.Sprintf("%d %s", status.Code, firstLine(status.Body))
	switch {
	case status.Code == 403:
		return c.explainDenial(text, service)
	case status.Code == 429:
		return text + ": raise Consul's limits.http_max_conns_per_client (200 by default) above the number of watches, or use https"
	case strings.Contains(status.Body, "No path to datacenter"):
		return text + ": check the datacenter's name and that its servers are joined"
	}
	return text
}

func (c *Client) explainDenial(what, service string) string {
	text := fmt.Sprintf("%s: the token needs service:read on %s and node:read on its nodes", what, service)
	switch err := c.token.Trouble(); {
	case err != nil:
		text += "; " + err.Error()
	case c.token.Path() == "":
		text += "; no token file is configured"
	}
	return text
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
