package ballast

import (
	"net"

	"github.com/miekg/dns"
)

// nobody is who asks when we look something up ourselves. It only has
// addresses, as the file plugin's lookups need.
type nobody struct{ dns.ResponseWriter }

func (nobody) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (nobody) RemoteAddr() net.Addr { return &net.TCPAddr{} }
