// Package certs makes the throw-away certificates of the doubles.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CAName is the subject of the double's root; a test that sees it as issuer saw no interception.
const CAName = "Fake Upstream Root CA"

// Store is a root with one leaf per name.
type Store struct {
	CAFile string
	Root   *x509.Certificate
	// Fallback answers a ClientHello without a name, or with one that is not played; none: it fails.
	Fallback string

	rootKey crypto.Signer
	leaves  map[string]*tls.Certificate
}

// Leaf returns the certificate for a server name.
func (s *Store) Leaf(name string) (*tls.Certificate, error) {
	c, ok := s.leaves[strings.ToLower(name)]
	if !ok && s.Fallback != "" {
		c, ok = s.leaves[s.Fallback]
	}
	if !ok {
		return nil, fmt.Errorf("no certificate for server name %q", name)
	}
	return c, nil
}

// Open loads the root and the leaves in dir, and makes what is missing or expires within a day.
func Open(dir string, names []string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &Store{CAFile: filepath.Join(dir, "upstream-ca.pem"), leaves: map[string]*tls.Certificate{}}
	caKeyFile := filepath.Join(dir, "upstream-ca.key")
	ca, err := load(s.CAFile, caKeyFile)
	fresh := err != nil
	if fresh {
		if ca, err = makeCA(); err != nil {
			return nil, err
		}
		if err = save(ca, s.CAFile, caKeyFile); err != nil {
			return nil, err
		}
	}
	s.Root, s.rootKey = ca.Leaf, ca.PrivateKey.(crypto.Signer)
	for _, name := range names {
		name = strings.ToLower(name)
		certFile := filepath.Join(dir, name+".pem")
		keyFile := filepath.Join(dir, name+".key")
		leaf, err := load(certFile, keyFile)
		if fresh || err != nil || leaf.Leaf.VerifyHostname(name) != nil || leaf.Leaf.CheckSignatureFrom(ca.Leaf) != nil {
			if leaf, err = MakeLeaf(ca, name); err != nil {
				return nil, err
			}
			if err = save(leaf, certFile, keyFile); err != nil {
				return nil, err
			}
		}
		s.leaves[name] = leaf
	}
	return s, nil
}

// SelfSigned makes a certificate like the one the real language server carries: CN=localhost.
func SelfSigned() (tls.Certificate, error) { return Localhost("good") }

// Localhost is SelfSigned with something wrong: expired, no-san, wrong-name.
func Localhost(kind string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := template("localhost", 365*24*time.Hour)
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	switch kind {
	case "good":
	case "expired":
		t.NotBefore, t.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	case "no-san":
		t.DNSNames, t.IPAddresses = nil, nil
	case "wrong-name":
		t.Subject.CommonName, t.DNSNames, t.IPAddresses = "other.example.test", []string{"other.example.test"}, nil
	default:
		return tls.Certificate{}, fmt.Errorf("unknown kind of certificate %q", kind)
	}
	c, err := sign(t, t, key, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return *c, nil
}

// MakeLeaf signs a server certificate for one DNS name or address.
func MakeLeaf(ca *tls.Certificate, name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template(name, 90*24*time.Hour)
	if ip := net.ParseIP(name); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{name}
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return sign(t, ca.Leaf, key, ca.PrivateKey.(*ecdsa.PrivateKey))
}

func makeCA() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template(CAName, 10*365*24*time.Hour)
	t.IsCA = true
	t.BasicConstraintsValid = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(t, t, key, key)
}

func template(name string, life time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"antigravity-proxy test doubles"}},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(life),
	}
}

func sign(t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func load(certFile, keyFile string) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
		return nil, err
	}
	if _, ok := c.PrivateKey.(*ecdsa.PrivateKey); !ok {
		return nil, errors.New("not an ECDSA key")
	}
	if time.Now().Add(24 * time.Hour).After(c.Leaf.NotAfter) {
		return nil, errors.New("expires within a day")
	}
	return &c, nil
}

func save(c *tls.Certificate, certFile, keyFile string) error {
	keyDER, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	return os.WriteFile(certFile, cert, 0o644)
}
