package collect

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestPublicName(t *testing.T) {
	for host, want := range map[string]bool{
		"hooks.example.com": true, "hooks.example.com.": true, "HOOKS.example.COM": true, "xn--bcher-kva.example": true,
		"8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true,
		"hooks": false, "localhost": false, "a.localhost": false, "hooks.svc": false, "hooks.ns.svc.cluster.local": false,
		"metadata.google.internal": false, "Metadata.Google.INTERNAL.": false, "x.home.arpa": false, "gitlab.corp": false, "": false, ".": false,
		"10.0.0.1": false, "127.0.0.1": false, "0.0.0.0": false, "169.254.169.254": false, "198.18.16.1": false, "100.64.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false, "::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "2002:7f00:1::": false, "::127.0.0.1": false, "168.63.129.16": false,
		// What some resolvers take for an address.
		"0x7f.1": false, "127.1": false, "2130706433": false, "1.0x7f000001": false,
	} {
		if got := publicName(host); got != want {
			t.Errorf("%q: public %t, want %t", host, got, want)
		}
	}
}

func TestRefusedAddress(t *testing.T) {
	const always, unlessNamed, allowed = "always", "unless named", "no"
	for address, want := range map[string]string{
		"8.8.8.8": allowed, "2606:4700::1111": allowed,
		"10.1.2.3": unlessNamed, "172.31.255.255": unlessNamed, "192.168.1.1": unlessNamed, "100.64.0.1": unlessNamed, "198.18.0.1": unlessNamed,
		"fd00::1": unlessNamed, "2001:db8::1": unlessNamed, "::ffff:10.0.0.1": unlessNamed, "64:ff9b::a00:1": unlessNamed, "5f00::1": unlessNamed,
		"127.0.0.1": always, "127.255.255.254": always, "0.0.0.0": always, "0.1.2.3": always, "::": always, "::1": always, "::ffff:127.0.0.1": always,
		"169.254.169.254": always, "169.254.170.2": always, "fe80::1": always, "fd00:ec2::254": always, "100.100.100.200": always,
		"168.63.129.16": always, "192.0.0.192": always, "64:ff9b::a9fe:a9fe": always, "2002:a9fe:a9fe::": always, "::a9fe:a9fe": always,
		"224.0.0.1": always, "255.255.255.255": always, "ff02::1": always,
	} {
		ip := netip.MustParseAddr(address)
		got := allowed
		switch {
		case refusedAddress(ip, true) != "":
			got = always
		case refusedAddress(ip, false) != "":
			got = unlessNamed
		}
		if got != want {
			t.Errorf("%s: refused %s, want %s", address, got, want)
		}
	}
}

func TestMayAsk(t *testing.T) {
	for name, c := range map[string]struct {
		options     Options
		host, port  string
		named, asks bool
	}{
		"public":                {Options{}, "hooks.example.com", "", false, true},
		"private":               {Options{}, "hooks.svc", "", false, false},
		"named":                 {Options{AskHosts: []string{"other", "Hooks.svc"}}, "hooks.svc", "8443", true, true},
		"named with its port":   {Options{AskHosts: []string{"hooks.svc:8443"}}, "hooks.svc", "8443", true, true},
		"named with another":    {Options{AskHosts: []string{"hooks.svc:8443"}}, "hooks.svc", "443", false, false},
		"named in part":         {Options{AskHosts: []string{"svc"}}, "hooks.svc", "", false, false},
		"named, but no others":  {Options{NoURLs: true, AskHosts: []string{"hooks.svc"}}, "hooks.svc", "", true, true},
		"public, but no others": {Options{NoURLs: true, AskHosts: []string{"hooks.svc"}}, "hooks.example.com", "", false, false},
	} {
		named, err := c.options.mayAsk(c.host, c.port)
		if named != c.named || (err == nil) != c.asks || err != nil && !errors.Is(err, errNotAsked) {
			t.Errorf("%s: named %t, %v", name, named, err)
		}
	}
}

// What counts is the address of the connection, not what a name resolved to when somebody looked.
func TestControlled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0"} {
		for _, named := range []bool{false, true} {
			dialer := net.Dialer{Control: controlled(named)}
			conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
			if err == nil {
				conn.Close()
			}
			var refused *addressRefused
			if !errors.As(err, &refused) {
				t.Errorf("%s, named %t: %v", host, named, err)
			}
		}
	}
}
