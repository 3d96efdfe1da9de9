package collect

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Whoever can write a MutatingWebhookConfiguration chooses the URL in it, and the machine that runs doctor
// may reach what they cannot. So a URL is called only if its host is public, by its name and by the address
// that it resolves to, or was named by the user. Some addresses are never called.

// privateDomains are those that the public DNS does not have.
var privateDomains = []string{
	"localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "test", "alt", "onion", "svc",
}

// publicName reports whether a host is one that means the same everywhere: a name under a domain of the public
// DNS, or a public address.
func publicName(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return refusedAddress(ip, false) == ""
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	last := host[strings.LastIndex(host, ".")+1:]
	// "hooks" is looked up in search domains, and 0x7f.1 is an address to some resolvers.
	return last != host && !slices.Contains(privateDomains, last) && strings.ContainsFunc(last, isLetter) && !strings.HasPrefix(last, "0x")
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' }

// namedHost reports whether the user named the host of a URL: with its port, or without.
func (o Options) namedHost(host, port string) bool {
	return slices.ContainsFunc(o.AskHosts, func(named string) bool {
		return strings.EqualFold(named, host) || port != "" && strings.EqualFold(named, net.JoinHostPort(host, port))
	})
}

// mayAsk says whether the host of a webhook's URL was named, or why it is not asked.
func (o Options) mayAsk(host, port string) (named bool, err error) {
	switch {
	case o.namedHost(host, port):
		return true, nil
	case o.NoURLs:
		return false, fmt.Errorf("%w: it is outside the cluster, and --ask-urls=false was given", errNotAsked)
	case !publicName(host):
		return false, fmt.Errorf("%w: %w", errNotAsked, &missingRight{host: host})
	}
	return false, nil
}

// mayAskListed is mayAsk for a URL as the list has it: enough not to read more. What is called is read again, and
// judged anew.
func (o Options) mayAskListed(listed string) error {
	u, err := url.Parse(listed)
	if err != nil || loopback(u.Hostname()) {
		return nil // something else will be said of it
	}
	_, err = o.mayAsk(u.Hostname(), u.Port())
	return err
}

var (
	// metadata is where clouds give credentials to whoever asks from inside, as far as it is not link-local.
	metadata = addresses("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
	// nowhere is this machine, everybody, and nobody.
	nowhere = prefixes("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/127", "fe80::/10", "fec0::/10", "ff00::/8")
	// inside is what the Internet does not route (the registries of special-purpose addresses of IANA).
	inside = prefixes("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
	// global is all of IPv6 that is routed.
	global = netip.MustParsePrefix("2000::/3")
	// embedding is how IPv6 addresses stand for those of IPv4, and at which byte those begin.
	embedding = map[netip.Prefix]int{
		netip.MustParsePrefix("::/96"): 12, netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2,
	}
)

func addresses(texts ...string) (out []netip.Addr) {
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// refusedAddress says why no webhook is called at an address, or "". That it is private does not matter where
// the user named the host.
func refusedAddress(ip netip.Addr, named bool) string {
	ip = ip.Unmap().WithZone("")
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	switch {
	case !ip.IsValid(), ip.IsUnspecified():
		return "it is no address of a server"
	case ip.IsLoopback():
		return "it is on the machine of the API server, and cannot be called from here"
	case slices.Contains(metadata, ip):
		return "it is where clouds hand out credentials"
	case in(nowhere):
		return "it is link-local or reserved"
	}
	for prefix, at := range embedding {
		if prefix.Contains(ip) {
			bytes := ip.As16()
			return refusedAddress(netip.AddrFrom4([4]byte(bytes[at:at+4])), named)
		}
	}
	if !named && (in(inside) || ip.Is6() && !global.Contains(ip)) {
		return "it is not a public address"
	}
	return ""
}

// An addressRefused is why no connection was made to an address.
type addressRefused struct {
	address netip.Addr
	why     string
}

func (e *addressRefused) Error() string { return fmt.Sprintf("%s is not called: %s", e.address, e.why) }

// outcome is what the refusal means for a review.
func (e *addressRefused) outcome() facts.ReviewOutcome {
	if e.address.Unmap().IsLoopback() {
		return facts.ReviewNotCallable
	}
	return facts.ReviewNotAsked
}

// controlled is for net.Dialer.Control, which sees the address of every connection, whatever a name resolves to
// by then.
func controlled(named bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%q: %w", address, errors.ErrUnsupported)
		}
		if why := refusedAddress(at.Addr(), named); why != "" {
			return &addressRefused{at.Addr().Unmap(), why}
		}
		return nil
	}
}
