//! TLS for one session: a certificate made for it, and exactly one other accepted.
//!
//! Nobody signs these certificates. Each side told the other the SHA-256 of its own in its sealed
//! hello, so a certificate is accepted if, and only if, that is its hash; rustls then verifies the
//! handshake signature made with its key. No tickets, no early data, no names.

use std::sync::Arc;

use fardrop_shared::pairing::Ciphers;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::LinkError;

/// What both sides name in TLS's own version negotiation (RFC 7301).
const ALPN: &[u8] = b"fardrop/1";

/// The name in certificates and handshakes; it identifies nobody.
pub(super) const SERVER_NAME: &str = "fardrop";

/// A certificate made for one session, with its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Makes a fresh one (Ed25519). Takes well under a millisecond.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, LinkError> {
        let transport = |error: rcgen::Error| LinkError::Transport(error.to_string());
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(transport)?;
        let mut params =
            rcgen::CertificateParams::new([SERVER_NAME.to_owned()]).map_err(transport)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let certificate = params.self_signed(&key).map_err(transport)?;
        Ok(Self {
            certificate: certificate.into(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// SHA-256 of the certificate: what the sealed hello carries.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// TLS as the side that connects.
    pub(super) fn client_config(self, peer: [u8; 32]) -> Result<ClientConfig, Error> {
        let provider = provider();
        let verifier = Pinned::new(peer, &provider);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(vec![self.certificate], self.key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// TLS as the side that is connected to.
    pub(super) fn server_config(self, peer: [u8; 32]) -> Result<ServerConfig, Error> {
        let provider = provider();
        let verifier = Pinned::new(peer, &provider);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate], self.key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(config)
    }
}

/// ring, with the cheapest good choices first: AES-128-GCM where the processor has AES (it is also
/// what QUIC's first packets need; ChaCha20 costs 35 to 40 % more processor time there), X25519 alone.
///
/// Beside it aws-lc-rs was measured: goodput within the noise, but 43 ms for a handshake where ring
/// takes 1, and 2.1 MB more of binary.
fn provider() -> Arc<CryptoProvider> {
    let aes = ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let chacha = ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    Arc::new(CryptoProvider {
        cipher_suites: if Ciphers::of_this_processor().contains(Ciphers::AES_128_GCM) {
            vec![aes, chacha]
        } else {
            vec![chacha, aes]
        },
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    })
}

/// Accepts one certificate.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(fingerprint: [u8; 32], provider: &CryptoProvider) -> Arc<Self> {
        Arc::new(Self {
            fingerprint,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn verify_certificate(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let fingerprint: [u8; 32] = Sha256::digest(certificate).into();
        if bool::from(fingerprint.ct_eq(&self.fingerprint)) {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }
}

/// The answer to every signature of TLS 1.2, which is not spoken here.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("only TLS 1.3 is spoken".to_owned()))
}

/// The part that rustls asks of a verifier on either side: TLS 1.3's signatures, and none of TLS 1.2.
macro_rules! tls13_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer<'_>,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            no_tls12()
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify_certificate(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    tls13_signatures!();
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify_certificate(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    tls13_signatures!();
}
