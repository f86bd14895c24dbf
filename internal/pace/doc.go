// Package pace says when news is worth telling: to Consul, whose servers log
// every write, and again to somebody who did not answer. It is shared by the
// agents, who tell of servers, and the directors, who tell of VIPs. It is
// pure: time and randomness are arguments.
package pace
