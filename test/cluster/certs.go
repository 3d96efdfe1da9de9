package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// authority signs the certificates of one cluster. ECDSA, because making RSA
// keys takes seconds that every test would wait for.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pair is a certificate and its key, as PEM.
type pair struct{ cert, key []byte }

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	template := certificate(pkix.Name{CommonName: name})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	return &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}, nil
}

func certificate(subject pkix.Name) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // rand.Reader does not fail
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

// client signs a certificate for a user and its groups.
func (a *authority) client(user string, groups ...string) (pair, error) {
	template := certificate(pkix.Name{CommonName: user, Organization: groups})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(template)
}

// server signs a certificate for host names and addresses.
func (a *authority) server(hosts ...string) (pair, error) {
	template := certificate(pkix.Name{CommonName: hosts[0]})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return a.sign(template)
}

func (a *authority) sign(template *x509.Certificate) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("sign for %s: %w", template.Subject.CommonName, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return pair{}, fmt.Errorf("sign for %s: %w", template.Subject.CommonName, err)
	}
	keyPEM, err := encodeKey(key)
	return pair{cert: encode("CERTIFICATE", der), key: keyPEM}, err
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return encode("EC PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// keep writes PATH.crt and PATH.key.
func (p pair) keep(path string) error {
	if err := os.WriteFile(path+".crt", p.cert, 0o644); err != nil {
		return fmt.Errorf("keep a certificate: %w", err)
	}
	if err := os.WriteFile(path+".key", p.key, 0o600); err != nil {
		return fmt.Errorf("keep a certificate: %w", err)
	}
	return nil
}

// writeCertificates fills the folder pki with what the components read.
func (c *Cluster) writeCertificates(hosts []string) error {
	caKey, err := encodeKey(c.ca.key)
	if err != nil {
		return err
	}
	serviceAccounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the service account key: %w", err)
	}
	accountKey, err := encodeKey(serviceAccounts)
	if err != nil {
		return err
	}
	serving, err := c.ca.server(hosts...)
	if err != nil {
		return err
	}
	kubelet, err := c.ca.client("kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return err
	}
	for path, p := range map[string]pair{
		"ca":                       {c.ca.pem, caKey},
		"service-accounts":         {nil, accountKey},
		"apiserver":                serving,
		"apiserver-kubelet-client": kubelet,
	} {
		if err := p.keep(filepath.Join(c.dir, "pki", path)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) pki(name string) string { return filepath.Join(c.dir, "pki", name) }

// UserConfig is the configuration of a client that is the given user in the
// given groups, proven by a client certificate.
func (c *Cluster) UserConfig(user string, groups ...string) (*rest.Config, error) {
	p, err := c.ca.client(user, groups...)
	if err != nil {
		return nil, err
	}
	return c.restConfig(c.endpoint, p), nil
}

func (c *Cluster) restConfig(endpoint string, p pair) *rest.Config {
	return &rest.Config{
		Host:            endpoint,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.pem, CertData: p.cert, KeyData: p.key},
		QPS:             -1, // tests do not throttle themselves
	}
}

// UserKubeconfig writes a kubeconfig file for that user and returns its path.
// The file goes away with the cluster.
func (c *Cluster) UserKubeconfig(user string, groups ...string) (string, error) {
	p, err := c.ca.client(user, groups...)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(c.dir, "*.kubeconfig")
	if err != nil {
		return "", fmt.Errorf("write a kubeconfig: %w", err)
	}
	f.Close()
	return f.Name(), c.writeKubeconfig(f.Name(), c.endpoint, user, p)
}

func (c *Cluster) writeKubeconfig(path, endpoint, user string, p pair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: endpoint, CertificateAuthorityData: c.ca.pem}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user}
	config.CurrentContext = "test"
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	return nil
}

// kubeconfigFor writes the kubeconfig of one of the cluster's own components.
func (c *Cluster) kubeconfigFor(user string, groups ...string) (string, error) {
	p, err := c.ca.client(user, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, "pki", filepath.Base(user)+".kubeconfig")
	return path, c.writeKubeconfig(path, c.endpoint, user, p)
}
