use super::*;

/// The leaves and roots of the reference tree of Certificate Transparency (google/certificate-transparency,
/// `merkletree`), which RFC 9162 kept.
const REFERENCE: [(&str, &str); 8] = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

#[test]
fn roots_are_those_of_the_reference_tree() {
    let mut tree = TreeBuilder::new();
    assert_eq!(tree.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size, (leaf, root)) in (1..).zip(REFERENCE) {
        tree.push(&hex::decode(leaf).unwrap());
        assert_eq!((tree.size(), tree.root().to_string().as_str()), (size, root));
    }
}

#[test]
fn the_root_of_a_thousand_lines_is_the_one_that_python_computes() {
    let mut tree = TreeBuilder::new();
    for number in 0..1000 {
        tree.push(format!("line {number}").as_bytes());
    }
    assert_eq!(tree.root().to_string(), "eb369d935b724d808bdec86ea99fa2a2b4c7efd2381e59da5d0ee99e67da8d54");
}

#[test]
fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
    for size in 1..=33_usize {
        let leaves: Vec<Sha256Digest> = (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        let root = root_from_leaf_hashes(&leaves);
        let verify =
            |leaf, index: usize, path: &[Sha256Digest]| verify_inclusion(leaf, index as u64, size as u64, path, root);
        for index in 0..size {
            let path = inclusion_path(&leaves, index);
            assert_eq!(verify(leaves[index], index, &path), Ok(()));
            let other = leaf_hash(b"other");
            assert!(matches!(verify(other, index, &path), Err(InclusionError::Root { .. })));
            for wrong in (0..size).filter(|wrong| *wrong != index) {
                assert!(verify(leaves[index], wrong, &path).is_err(), "leaf {index} of {size} is not leaf {wrong}");
            }
            let longer = [&path[..], &[other]].concat();
            assert!(verify(leaves[index], index, &longer).is_err());
            if let Some(shorter) = path.len().checked_sub(1) {
                assert!(verify(leaves[index], index, &path[..shorter]).is_err());
                let mut changed = path.clone();
                changed[shorter] = other;
                assert!(verify(leaves[index], index, &changed).is_err());
            }
        }
        assert!(matches!(verify(leaves[0], size, &[]), Err(InclusionError::Index { .. })));
    }
}

#[test]
fn a_tree_in_memory_gives_the_paths_of_the_definition() {
    for size in (0..=33).chain([64, 65, 100, 127]) {
        let leaves: Vec<_> = (0..size).map(|n: u32| leaf_hash(&n.to_be_bytes())).collect();
        let tree = Tree::new(leaves.clone());
        assert_eq!(tree.size(), u64::from(size));
        assert_eq!(tree.root(), root_from_leaf_hashes(&leaves), "{size}");
        for index in 0..leaves.len() {
            assert_eq!(tree.path(index as u64), inclusion_path(&leaves, index), "{index} of {size}");
        }
    }
}
