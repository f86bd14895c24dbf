package route

import (
	"fmt"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// backlog of the socket in bytes: routing tables change in bursts.
const backlog = 4 << 20

// events is one subscription to everything. The socket outlives its errors:
// after ENOBUFS it has lost messages, but it goes on.
type events struct {
	socket *nl.NetlinkSocket
	once   sync.Once
}

func subscribe() (*events, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
		unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return nil, fmt.Errorf("subscribe to interfaces, addresses, routes and neighbours: %w", err)
	}
	_ = socket.SetReceiveBufferSize(backlog, true) // without CAP_NET_ADMIN the default must do
	return &events{socket: socket}, nil
}

func (e *events) next() ([]syscall.NetlinkMessage, error) {
	messages, _, err := e.socket.Receive()
	return messages, err
}

// close ends a waiting next, too.
func (e *events) close() { e.once.Do(e.socket.Close) }
